//! `/_sim`: statistics, the truth, changes, webhooks and faults. No token: it is for tests on the same machine.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET stats`, `POST stats/reset` | what was asked, and how dear the dearest query was |
//! | `GET rows/<table>[?project=<path>][?group=<path>]` | the rows that a raw table should hold |
//! | `GET delivery` | by project and day, what `Sizes::deployments` made up |
//! | `POST changes {"kind", "project"?, "iid"?, "group"?, "name"?, "seed"?, "count"?}` | changes something as GitLab does |
//! | `POST faults {"rules"?, "latency_ms"?, "lag_ms"?, "clock_ahead_s"?, "poison"?, …}`, `DELETE faults` | misbehaves from now on, or no more |
//! | `POST hooks {"url", "token"?, "signing_token"?, "events"?}` | posts each later change to that address |
//! | `GET hooks`, `DELETE hooks` | tells what became of the deliveries; removes all hooks |

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::faults::Faults;
use super::stats::Stats;
use super::{State, lock};
use crate::changes::{Change, make};
use crate::{instant, truth};

/// Answers what comes after `/_sim/`.
pub fn answer(state: &State, call: &Call, path: &str) -> Reply {
    match (call.method.as_str(), path) {
        ("GET", "stats") => Reply::json(200, &json!(*lock(&state.stats))),
        ("POST", "stats/reset") => {
            let mut stats = lock(&state.stats);
            *stats = Stats::default();
            Reply::json(200, &json!(*stats))
        }
        ("GET", "delivery") => Reply::json(200, &truth::delivery(&state.primary())),
        ("POST", "changes") => change(state, call),
        ("GET", "hooks") => Reply::json(200, &state.hooks.list()),
        ("POST", "hooks") => match read(call).and_then(|wanted| state.hooks.add(wanted).map_err(|e| refuse(400, &e))) {
            Ok(added) => Reply::json(201, &added),
            Err(reply) => reply,
        },
        ("DELETE", "hooks") => {
            state.hooks.clear();
            Reply::json(200, &json!({"status": "ok"}))
        }
        ("POST", "faults") => set_faults(state, call),
        ("DELETE", "faults") => {
            replace_faults(state, Faults::default());
            Reply::json(200, &json!({"status": "ok"}))
        }
        ("GET", path) => match path.strip_prefix("rows/") {
            Some(table) => rows(state, call, table),
            None => refuse(404, "there is no such address below /_sim"),
        },
        _ => refuse(404, "there is no such address below /_sim"),
    }
}

fn rows(state: &State, call: &Call, table: &str) -> Reply {
    let world = state.primary();
    let project = match call.query.get("project").map(|path| world.project_by_path(path)) {
        None => None,
        Some(Some(project)) => Some(project.id),
        Some(None) => return refuse(404, "there is no such project"),
    };
    let rows = match call.query.get("group").map(|path| world.group_by_path(path)) {
        None => truth::rows(&world, table, project),
        Some(Some(group)) => truth::rows_in_group(&world, table, &group.full_path),
        Some(None) => return refuse(404, "there is no such group"),
    };
    match rows {
        Some(rows) => Reply::json(200, &Value::Array(rows)),
        None => refuse(404, &format!("there is no table {table}")),
    }
}

fn change(state: &State, call: &Call) -> Reply {
    let change: Change = match read(call) {
        Ok(change) => change,
        Err(reply) => return reply,
    };
    let mut world = state.world_mut();
    let at = instant::now().max(world.newest);
    let made = match make(&mut world, &change, at) {
        Ok(made) => made,
        Err(problem) => return refuse(409, &problem),
    };
    state.hooks.tell(&world, &made);
    state.replica.follow(&change, at);
    match lock(&state.journal).add(&change, at) {
        Ok(()) => Reply::json(200, &made.told),
        Err(error) => refuse(
            500,
            &format!("the change is made, but the journal can't be written: {error}"),
        ),
    }
}

fn set_faults(state: &State, call: &Call) -> Reply {
    let faults: Faults = match read(call) {
        Ok(faults) => faults,
        Err(reply) => return reply,
    };
    if let Err(problem) = faults.check() {
        return refuse(400, &problem);
    }
    replace_faults(state, faults);
    Reply::json(200, &json!({"status": "ok"}))
}

fn replace_faults(state: &State, faults: Faults) {
    state.replica.set(faults.lag_ms, &state.primary());
    lock(&state.rate).replace(faults.rate_limit);
    if !faults.repeats() {
        lock(&state.pages).clear();
    }
    *lock(&state.faults) = faults;
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    serde_json::from_slice(&call.body).map_err(|error| refuse(400, &error.to_string()))
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message}))
}
