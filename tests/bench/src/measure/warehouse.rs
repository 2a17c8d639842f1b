//! The warehouse's part: from a page's rows to their committed MERGE.

use std::time::Instant;

use local_stack::{Failed, Gitlab};
use serde_json::{Value, json};

use crate::lab::{Lab, sync, written};
use crate::null_warehouse::NullWarehouse;
use crate::page::{Page, Table, number, seconds, thousands};

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let (projects, merge_requests) = lab.pick((20, 10_000), (5, 60));
    let gitlab = lab.gitlab(projects, merge_requests)?;
    let local = lab.warehouse("warehouse")?;
    let emulator = measured(lab, &gitlab, (&local.rest, &local.storage))?;
    let null = NullWarehouse::start()?;
    let nothing = measured(lab, &gitlab, (&null.url, &null.url))?;
    Ok(json!({"merge_requests": merge_requests, "local": emulator, "null": nothing}))
}

/// A first sync whose commits tell how long they took.
fn measured(lab: &Lab, gitlab: &Gitlab, addresses: (&str, &str)) -> Result<Value, Failed> {
    let logged = [("LOG_LEVEL", "debug"), ("LOG_FORMAT", "json")];
    let connector = lab.connector(gitlab, addresses, &logged)?;
    let begun = Instant::now();
    let answer = sync(&connector)?;
    let wall_s = begun.elapsed().as_secs_f64();
    let (mut commits, mut rows, mut stage_ms, mut merge_ms) = (0, 0.0, 0.0, 0.0);
    for line in connector.process.log_text().lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let of = |name: &str| event[name].as_f64().unwrap_or_default();
        if event["message"] == "committed" {
            commits += 1;
            rows += of("rows");
            stage_ms += of("stageMs");
            merge_ms += of("mergeMs");
        }
    }
    let written = written(&answer);
    if commits == 0 || rows < written as f64 {
        return Err(format!(
            "the log tells of {rows} rows in {commits} commits, the answer of {written}"
        ));
    }
    Ok(json!({
        "wall_s": wall_s, "commits": commits, "rows": rows, "stage_s": stage_ms / 1000.0, "merge_s": merge_ms / 1000.0,
    }))
}

pub fn page(figures: &Value) -> Page {
    let of = |which: &str, name: &str| figures[which][name].as_f64().unwrap_or_default();
    let row = |which: &str, label: &str| {
        let spent = of(which, "stage_s") + of(which, "merge_s");
        vec![
            label.to_owned(),
            thousands(of(which, "rows")),
            thousands(of(which, "commits")),
            seconds(of(which, "stage_s")),
            seconds(of(which, "merge_s")),
            thousands(of(which, "rows") / spent.max(0.001)),
            seconds(of(which, "wall_s")),
            format!("{} %", number(100.0 * spent / of(which, "wall_s").max(0.001))),
        ]
    };
    Page {
        intro: format!(
            "The first sync of {} merge requests without latency. *Stage* is encoding rows, making the stage table and sending \
             them; *merge* is the transaction that merges them and moves the cursor. The share is of the sync's whole time.",
            thousands(figures["merge_requests"].as_f64().unwrap_or_default())
        ),
        tables: vec![Table {
            title: String::new(),
            columns: vec!["warehouse", "rows", "commits", "stage", "merge", "rows/s", "whole sync", "share"],
            rows: vec![row("local", "local (emulator)"), row("null", "takes everything at once")],
        }],
        notes: vec![
            "The emulator's time is not BigQuery's: there a commit takes seconds whatever it holds, and commits of many pages at \
             once are what keeps them few. The second line is what the connector itself spends on a commit."
                .into(),
        ],
        summary: vec![[
            "rows from page to commit".into(),
            format!(
                "{} rows/s of the connector's own",
                thousands(of("null", "rows") / (of("null", "stage_s") + of("null", "merge_s")).max(0.001))
            ),
            format!(
                "{} rows/s with the emulator's work",
                thousands(of("local", "rows") / (of("local", "stage_s") + of("local", "merge_s")).max(0.001))
            ),
        ]],
        ..Page::default()
    }
}
