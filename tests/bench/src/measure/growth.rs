//! How time and memory grow with the number of merge requests.

use std::time::Instant;

use local_stack::Failed;
use serde_json::{Value, json};

use crate::lab::{Lab, requests, sync, written, written_to};
use crate::null_warehouse::NullWarehouse;
use crate::page::{Bar, Chart, Page, Table, number, seconds, thousands};
use crate::usage;

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let mut entries = Vec::new();
    for size in lab.pick(vec![1_000, 10_000, 100_000, 200_000], vec![60, 240]) {
        let gitlab = lab.gitlab(20, size)?;
        let warehouse = NullWarehouse::start()?;
        let connector = lab.connector(&gitlab, (&warehouse.url, &warehouse.url), &[])?;
        let pid = connector.process.id();
        let at_first = usage::peak_mb(pid)?;
        let server = usage::cpu_seconds(gitlab.process.id())?;
        let begun = Instant::now();
        let answer = sync(&connector)?;
        let wall_s = begun.elapsed().as_secs_f64();
        let read = written_to(&answer, "merge_requests");
        if (read as usize) < size {
            return Err(format!("{read} of {size} merge requests were written"));
        }
        entries.push(json!({
            "merge_requests": read, "rows": written(&answer), "requests": requests(&gitlab)?, "wall_s": wall_s,
            "cpu_s": usage::cpu_seconds(pid)?, "server_cpu_s": usage::cpu_seconds(gitlab.process.id())? - server,
            "idle_mb": at_first, "peak_mb": usage::peak_mb(pid)?,
        }));
    }
    Ok(json!({"entries": entries}))
}

pub fn page(figures: &Value) -> Page {
    let entries = figures["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |entry: &Value, name: &str| entry[name].as_f64().unwrap_or_default();
    let rows = entries.iter().map(|entry| {
        let thousand = of(entry, "merge_requests") / 1000.0;
        vec![
            thousands(of(entry, "merge_requests")),
            thousands(of(entry, "rows")),
            thousands(of(entry, "requests")),
            seconds(of(entry, "wall_s")),
            seconds(of(entry, "wall_s") / thousand),
            seconds(of(entry, "cpu_s") / thousand),
            seconds(of(entry, "server_cpu_s") / thousand),
            format!("{} MB", number(of(entry, "peak_mb"))),
        ]
    });
    let peak_of = |entry: Option<&Value>| entry.map_or(0.0, |entry| of(entry, "peak_mb"));
    let (second, last) = (peak_of(entries.get(1)), peak_of(entries.last()));
    let chart = |file: &str, title: &str, unit, value: &dyn Fn(&Value) -> f64| Chart {
        file: file.into(),
        title: title.into(),
        unit,
        logarithmic: false,
        bars: entries
            .iter()
            .map(|entry| Bar {
                label: format!("{} merge requests", thousands(of(entry, "merge_requests"))),
                value: value(entry),
                ours: true,
            })
            .collect(),
    };
    let size = |entry: Option<&Value>| thousands(entry.map_or(0.0, |entry| of(entry, "merge_requests")));
    let compared = format!(
        "{} MB with {} merge requests, {} MB with {}",
        number(second),
        size(entries.get(1)),
        number(last),
        size(entries.last())
    );
    Page {
        intro: "First syncs of 20 projects without latency, into the warehouse that takes everything at once; a new process each."
            .into(),
        tables: vec![Table {
            title: String::new(),
            columns: vec![
                "merge requests", "rows", "requests", "time", "time per 1,000", "CPU per 1,000", "server's CPU per 1,000",
                "peak memory",
            ],
            rows: rows.collect(),
        }],
        charts: vec![
            chart("growth-memory", "Peak memory of a first sync", "MB", &|entry| of(entry, "peak_mb")),
            chart("growth-time", "Time of a first sync for each 1,000 merge requests", "s", &|entry| {
                of(entry, "wall_s") / (of(entry, "merge_requests") / 1000.0)
            }),
        ],
        notes: vec![format!("Memory: {compared}, {} per cent more.", number(100.0 * (last / second.max(0.001) - 1.0)))],
        summary: vec![["peak memory of a first sync".into(), compared, "—".into()]],
    }
}
