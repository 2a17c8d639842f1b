//! `/_sim`: statistics, the truth, changes and faults. No token: it is for tests on the same machine.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::faults::Faults;
use super::stats::Stats;
use super::{State, lock};
use crate::changes::{Change, apply};
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
        ("POST", "changes") => change(state, call),
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
    let world = state.world();
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
    let changed = match apply(&mut world, &change, at) {
        Ok(changed) => changed,
        Err(problem) => return refuse(409, &problem),
    };
    match lock(&state.journal).add(&change, at) {
        Ok(()) => Reply::json(200, &changed),
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
    lock(&state.rate).replace(faults.rate_limit);
    *lock(&state.faults) = faults;
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Reply> {
    serde_json::from_slice(&call.body).map_err(|error| refuse(400, &error.to_string()))
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message}))
}
