//! Syncs, builds and events before a warehouse that takes as long as BigQuery: how many jobs and requests each needs.

use std::time::Instant;

use local_stack::{Failed, Gitlab, Warehouse, http};
use serde_json::{Value, json};

use super::event;
use crate::lab::{Lab, sync};
use crate::page::{Page, Table, seconds, thousands};
use crate::slow_warehouse::SlowWarehouse;

/// What the short form needs at most: jobs of dbt, other jobs (a slow machine has leases renewed), and requests that neither begin a job
/// nor ask for its result. On BigQuery each job takes about a second, so whoever adds one is to see it.
const PINNED: &[(&str, [u64; 3])] = &[(FIRST, [148, 22, 80]), (EVENT, [94, 18, 80])];
/// Jobs of dbt that come and go by chance: tests of one model are one job where they are ready at the same moment, which one that also
/// reads another model may miss. Seen: one more in a run of CI.
const BY_CHANCE: u64 = 3;
const FIRST: &str = "sync that has everything built for the first time";
const EVENT: &str = "webhook of a changed merge request, until dbt rests";
/// The model that people wait for.
const MODEL: &str = "dim_merge_requests";

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let merge_requests = lab.pick(500, 60);
    let gitlab = lab.gitlab(5, merge_requests)?;
    let warehouse = lab.warehouse("bigquery-like")?;
    let slow = SlowWarehouse::start(&warehouse, lab.pace, lab.trace.as_deref())?;
    let mut runs = syncs(lab, &gitlab, &slow)?;
    runs.extend(builds(lab, &gitlab, &warehouse, &slow)?);
    if lab.short {
        compare(&runs)?;
    }
    Ok(json!({"merge_requests": merge_requests, "pace": lab.pace.to_string(), "runs": runs}))
}

/// What a run took and what passed meanwhile.
fn measured(name: &str, slow: &SlowWarehouse, run: impl FnOnce() -> Result<(), Failed>) -> Result<Value, Failed> {
    slow.counts.take();
    slow.trace(name);
    let begun = Instant::now();
    run()?;
    let mut entry = slow.counts.take();
    entry["name"] = json!(name);
    entry["wall_s"] = json!(begun.elapsed().as_secs_f64());
    Ok(entry)
}

fn syncs(lab: &Lab, gitlab: &Gitlab, slow: &SlowWarehouse) -> Result<Vec<Value>, Failed> {
    let connector = lab.connector(gitlab, (&slow.rest, &slow.storage), &[])?;
    let once = |name: &str| measured(name, slow, || sync(&connector).map(|_| ()));
    let first = once("first sync")?;
    // What was written moments ago is looked at again.
    sync(&connector)?;
    let idle = once("sync, nothing has changed")?;
    gitlab.change(&json!({"kind": "edit_title"}))?;
    let changed = once("sync, a merge request has changed")?;
    Ok(vec![first, idle, changed])
}

fn builds(lab: &Lab, gitlab: &Gitlab, warehouse: &Warehouse, slow: &SlowWarehouse) -> Result<Vec<Value>, Failed> {
    let addresses = (slow.rest.as_str(), slow.storage.as_str());
    let (trigger, url) = event::trigger(lab, addresses, "unit_test")?;
    let connector = lab.connector(
        gitlab,
        addresses,
        &[
            ("GITLAB_WEBHOOK_TOKEN", event::HOOK),
            ("DBT_TRIGGER_URL", &url),
            ("DBT_TRIGGER_AUTH_TOKEN", event::TOKEN),
        ],
    )?;
    // Leaves the worker warm.
    let mut runs = vec![measured(FIRST, slow, || sync(&connector).map(|_| ()))?];
    if !lab.short {
        runs.extend(repeated(slow, &url)?);
    }
    event::hook(gitlab, &connector)?;
    let mut events = Vec::new();
    for _ in 0..lab.pick(4, 1) {
        let mut times = (0.0, 0.0);
        let mut entry = measured(EVENT, slow, || {
            times = event::event(gitlab, warehouse)?;
            event::wait_for_rest(&trigger)
        })?;
        (entry["to_raw_s"], entry["to_mart_s"]) = (json!(times.0), json!(times.1));
        events.push(entry);
    }
    let to_mart = |entry: &Value| entry["to_mart_s"].as_f64().unwrap_or_default();
    events.sort_by(|a, b| to_mart(a).total_cmp(&to_mart(b)));
    runs.push(events.swap_remove(events.len() / 2));
    Ok(runs)
}

/// Builds of what stands there already.
fn repeated(slow: &SlowWarehouse, url: &str) -> Result<Vec<Value>, Failed> {
    let changed = |tables: &[&str]| json!({"source": "bench", "sync_info": {"changed_tables": tables}});
    let orders = [
        ("build of everything", json!({"source": "bench"})),
        (
            "build of what follows merge_requests and mr_notes",
            changed(&["merge_requests", "mr_notes"]),
        ),
        ("build after a sync that changed nothing", changed(&[])),
        (
            "build of one model with its tests",
            json!({"source": "bench", "select": MODEL}),
        ),
    ];
    let build = |(name, order): (&str, Value)| {
        measured(name, slow, || match http::post(url, Some(event::TOKEN), &order)? {
            (200, _) => Ok(()),
            (status, answer) => Err(format!("dbt-trigger answers {status}: {answer}")),
        })
    };
    orders.into_iter().map(build).collect()
}

/// The short form is a test: whoever adds a job has to say so.
fn compare(runs: &[Value]) -> Result<(), Failed> {
    let mut problems = Vec::new();
    for (name, most) in PINNED {
        let run = runs.iter().find(|run| run["name"] == *name).ok_or("a run is missing")?;
        let of = |name: &str| run[name].as_u64().unwrap_or_default();
        let found = [of("of_dbt"), of("jobs") - of("of_dbt"), of("metadata")];
        let [of_dbt, others, metadata] = *most;
        let most = [of_dbt + BY_CHANCE, others, metadata];
        if found.iter().zip(&most).any(|(found, most)| found > most) {
            problems.push(format!(
                "{name}: {found:?} jobs of dbt, others and other requests, and not at most {most:?}"
            ));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{}; if that is meant, write so into PINNED (tests/bench/src/measure/bigquery_like.rs)",
            problems.join("; ")
        )),
    }
}

pub fn page(figures: &Value) -> Page {
    let runs = figures["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |run: &Value, name: &str| run[name].as_f64().unwrap_or_default();
    let rows = runs.iter().map(|run| {
        vec![
            run["name"].as_str().unwrap_or_default().to_owned(),
            seconds(of(run, "wall_s")),
            thousands(of(run, "jobs")),
            thousands(of(run, "chain")),
            thousands(of(run, "requests")),
            thousands(of(run, "exchanges")),
        ]
    });
    let event = runs.iter().find(|run| run["name"] == EVENT).unwrap_or(&Value::Null);
    Page {
        intro: format!(
            "{} merge requests, the local warehouse behind a proxy that lets things take at least as long as they are assumed to take on \
             BigQuery: {}. Google promises no such times; `--pace` takes others. dbt's worker is warm, unit tests are left out. The chain is the \
             longest one of jobs that each began after the one before had ended.",
            figures["merge_requests"],
            figures["pace"].as_str().unwrap_or_default()
        ),
        tables: vec![Table {
            title: String::new(),
            columns: vec![
                "",
                "time",
                "query jobs",
                "in a chain",
                "REST requests",
                "gRPC exchanges",
            ],
            rows: rows.collect(),
        }],
        notes: vec![format!(
            "A changed merge request is in its raw table {} after the change, and in `{MODEL}` after {} (the middle one of the events).",
            seconds(of(event, "to_raw_s")),
            seconds(of(event, "to_mart_s"))
        )],
        summary: vec![[
            "at BigQuery's pace: webhook to the changed row in a mart".into(),
            seconds(of(event, "to_mart_s")),
            "—".into(),
        ]],
        ..Page::default()
    }
}
