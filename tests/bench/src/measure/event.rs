//! From a change in GitLab to the changed row in a mart, by webhook.

use std::time::{Duration, Instant};

use local_stack::{Connector, Failed, Gitlab, Process, Warehouse, free_port, function, http, root, venv_python};
use serde_json::{Value, json};

use crate::lab::{Lab, RAW, percentile};
use crate::page::{Page, Table, seconds};

pub(super) const TOKEN: &str = "bench-event-77d0";
pub(super) const HOOK: &str = "bench-hook-2f0b71";
const MARTS: &str = "bench_marts";
const LONGEST: Duration = Duration::from_secs(120);
/// So many looks in a row find dbt at rest before it is: at BigQuery's pace a run begins seconds after it is asked for.
const RESTING_LOOKS: u32 = 50;
/// What a whole run with its tests may take on a machine that is busy.
const LONGEST_RUN: Duration = Duration::from_secs(600);

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let gitlab = lab.gitlab(5, lab.pick(250, 60))?;
    let warehouse = lab.warehouse("event")?;
    // The short form leaves out the tests of data, too, which take most of a run.
    let left_out = lab.pick("unit_test", "unit_test test");
    let (trigger, trigger_url) = trigger(lab, (&warehouse.rest, &warehouse.storage), left_out)?;
    let connector = lab.connector(
        &gitlab,
        (&warehouse.rest, &warehouse.storage),
        &[
            ("GITLAB_WEBHOOK_TOKEN", HOOK),
            ("DBT_TRIGGER_URL", &trigger_url),
            ("DBT_TRIGGER_AUTH_TOKEN", TOKEN),
        ],
    )?;
    // Builds all marts once.
    crate::lab::sync(&connector)?;
    hook(&gitlab, &connector)?;
    let (mut written, mut visible) = (Vec::new(), Vec::new());
    for _ in 0..lab.pick(30, 3) {
        let (raw, mart) = event(&gitlab, &warehouse)?;
        written.push(raw);
        visible.push(mart);
        wait_for_rest(&trigger)?;
    }
    drop(trigger);
    Ok(json!({"events": visible.len(), "to_raw_s": written, "to_mart_s": visible}))
}

/// A dbt-trigger that builds what is downstream of what changed, without some types of nodes.
pub(super) fn trigger(lab: &Lab, warehouse: (&str, &str), left_out: &str) -> Result<(Process, String), Failed> {
    let port = free_port()?;
    let mut command = function("dbt-trigger", port, warehouse);
    command
        .env("AUTH_TOKEN", TOKEN)
        .env("DBT_PYTHON", venv_python("dbt"))
        .env("DBT_PROJECT_DIR", root().join("models"))
        .env("DBT_STATE_DIR", lab.path("dbt-of-events"))
        .env("BQ_DATASET_RAW", RAW)
        .env("BQ_DATASET_MODELED", MARTS)
        .env("DBT_EXCLUDE_RESOURCE_TYPES", left_out)
        .env("BUILD_SCOPE", "changed");
    let url = format!("http://127.0.0.1:{port}");
    let mut process = Process::start("dbt-trigger", command, &lab.log("dbt-trigger"))?;
    process.wait_until_healthy(&format!("{url}/healthz"), Duration::from_secs(60))?;
    Ok((process, url))
}

/// Has GitLab send its webhooks to the connector.
pub(super) fn hook(gitlab: &Gitlab, connector: &Connector) -> Result<(), Failed> {
    let hook = json!({"url": format!("{}/webhook", connector.url), "token": HOOK});
    match http::post(&format!("{}/_sim/hooks", gitlab.url), None, &hook)? {
        (status @ 300.., answer) => Err(format!("the hook is refused with {status}: {answer}")),
        _ => Ok(()),
    }
}

/// One change: seconds until it is in its raw table, and until it is in the mart.
pub(super) fn event(gitlab: &Gitlab, warehouse: &Warehouse) -> Result<(f64, f64), Failed> {
    let change = gitlab.change(&json!({"kind": "edit_title"}))?;
    let begun = Instant::now();
    let id = change["merge_request_id"]
        .as_u64()
        .ok_or("a change without a merge request")?;
    let rows = gitlab.rows("merge_requests")?;
    let row = rows
        .iter()
        .find(|row| row["id"] == id)
        .ok_or("a change of a merge request that is not there")?;
    let title = row["title"].as_str().unwrap_or_default();
    let raw = wait_for(warehouse, &format!("{RAW}.merge_requests"), "id", id, title, begun)?;
    let mart = wait_for(
        warehouse,
        &format!("{MARTS}.dim_merge_requests"),
        "merge_request_id",
        id,
        title,
        begun,
    )?;
    Ok((raw, mart))
}

/// Looks until the row has this title.
fn wait_for(
    warehouse: &Warehouse,
    table: &str,
    key: &str,
    id: u64,
    title: &str,
    begun: Instant,
) -> Result<f64, Failed> {
    loop {
        let rows = warehouse.query(&format!("SELECT title FROM {table} WHERE {key} = {id}"))?;
        if rows.first().and_then(|row| row[0].as_deref()) == Some(title) {
            return Ok(begun.elapsed().as_secs_f64());
        }
        if begun.elapsed() > LONGEST {
            return Err(format!(
                "the change of merge request {id} is not in {table} after {} s",
                LONGEST.as_secs()
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until dbt has ended: the row is visible before the run's tests are done, and the next event is to meet nobody. Its log tells, since
/// dbt-trigger itself would ask the warehouse for its runs.
pub(super) fn wait_for_rest(trigger: &Process) -> Result<(), Failed> {
    let begun = Instant::now();
    let mut looks = 0;
    while begun.elapsed() < LONGEST_RUN {
        let log = trigger.log_text();
        let of = |event: &str| log.matches(&format!("event=\"{event}\"")).count();
        let rests = of("run_begins") > 0 && of("run_begins") == of("run_ended");
        looks = if rests { looks + 1 } else { 0 };
        // The ordinary run follows that of live models at once.
        if looks == RESTING_LOOKS {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("dbt does not come to rest".into())
}

pub fn page(figures: &Value) -> Page {
    let all = |name: &str| -> Vec<f64> {
        let values = figures[name].as_array().into_iter().flatten();
        values.filter_map(Value::as_f64).collect()
    };
    let row = |label: &str, name: &str| {
        let (p50, p95) = (percentile(all(name), 50.0), percentile(all(name), 95.0));
        vec![
            label.to_owned(),
            seconds(p50),
            seconds(p95),
            seconds(percentile(all(name), 100.0)),
        ]
    };
    Page {
        intro: format!(
            "A merge request's title changes in the simulated GitLab, which sends its webhook; the connector asks GitLab, writes \
             the row and has dbt build what is downstream of it ({} events one after the other, the local warehouse, looked at \
             every 100 ms).",
            figures["events"]
        ),
        tables: vec![Table {
            title: String::new(),
            columns: vec!["from the change to", "p50", "p95", "longest"],
            rows: vec![
                row("the raw table", "to_raw_s"),
                row("the mart dim_merge_requests", "to_mart_s"),
            ],
        }],
        summary: vec![[
            "webhook to the changed row in a mart".into(),
            format!(
                "p50 {}, p95 {}",
                seconds(percentile(all("to_mart_s"), 50.0)),
                seconds(percentile(all("to_mart_s"), 95.0))
            ),
            "—".into(),
        ]],
        ..Page::default()
    }
}
