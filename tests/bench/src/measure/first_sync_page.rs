//! What the documents show of the first sync.

use serde_json::Value;

use super::first_sync::{CLASSIC, OURS, OURS_BARE, OURS_EMULATOR};
use crate::page::{Bar, Chart, Page, Table, number, seconds, thousands, times};

pub fn page(figures: &Value) -> Page {
    let mut page = Page {
        intro: format!(
            "{} projects with {} merge requests and all that belongs to them, from a simulated GitLab that waits before each \
             answer. Every program starts with nothing and reads everything. *Server's CPU* is the simulated GitLab's own, on \
             the same machine; peak memory is the program's.",
            figures["projects"],
            thousands(figures["merge_requests"].as_f64().unwrap_or_default())
        ),
        ..Page::default()
    };
    for latency in figures["latencies"].as_array().into_iter().flatten() {
        let entries = latency["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let milliseconds = latency["latency_ms"].as_u64().unwrap_or_default();
        page.tables.push(table(milliseconds, entries));
        page.charts.push(chart(milliseconds, entries));
        page.summary.extend(summary(milliseconds, entries));
        for entry in entries {
            if let Some(problem) = entry["missing"].as_str() {
                page.notes
                    .push(format!("{}: {problem}.", entry["name"].as_str().unwrap_or_default()));
            }
        }
        page.notes.extend(servers_share(milliseconds, entries));
    }
    page.notes.dedup();
    page.notes.push(
        "The classic algorithm lists merge requests, asks for changes, pipelines, approvals and notes of each, and then for each \
         user. It is measured on the merge requests that its line names; time, CPU and requests of the whole are that many \
         times more, and memory is the sample's."
            .into(),
    );
    page.notes.push(
        "The peers read bare merge requests into a file. *Merge requests alone* is the connector that is told to read no more: \
         all columns of merge requests, and the projects and users that they refer to. Else it reads 13 streams: merge requests with line counts, notes, \
         approvals, reviewers, assignees, labels; pipelines, issues, projects, groups, users, labels, milestones."
            .into(),
    );
    page.notes.push(
        "*Takes everything at once* is a stand-in of BigQuery within scripts/bench: it answers as BigQuery does, counts rows and \
         throws them away, so that the connector is compared with programs that load nothing. *Local warehouse* is the \
         emulator of the demo, which does BigQuery's work on this machine."
            .into(),
    );
    page
}

fn name_of(entry: &Value) -> String {
    let name = entry["name"].as_str().unwrap_or_default();
    match entry["measured_on"].as_f64() {
        Some(sample) => format!("{name} (extrapolated from {})", thousands(sample)),
        None => name.to_owned(),
    }
}

fn measured(entries: &[Value]) -> impl Iterator<Item = &Value> {
    entries.iter().filter(|entry| entry["missing"].is_null())
}

fn figure(entry: &Value, name: &str) -> f64 {
    entry[name].as_f64().unwrap_or_default()
}

fn table(milliseconds: u64, entries: &[Value]) -> Table {
    let ours = entries.first().map_or(0.0, |entry| figure(entry, "wall_s"));
    let rows = measured(entries).map(|entry| {
        let lacks = entry["lacks"].as_str().unwrap_or_default();
        vec![
            name_of(entry),
            thousands(figure(entry, "rows")),
            thousands(figure(entry, "requests")),
            seconds(figure(entry, "wall_s")),
            times(figure(entry, "wall_s"), ours),
            thousands(figure(entry, "rows") / figure(entry, "wall_s")),
            seconds(figure(entry, "cpu_s")),
            format!("{:.0} MB", figure(entry, "peak_mb")),
            seconds(figure(entry, "server_cpu_s")),
            if lacks.is_empty() {
                "—".into()
            } else {
                lacks.to_owned()
            },
        ]
    });
    Table {
        title: format!("{milliseconds} ms for each request"),
        columns: vec![
            "",
            "rows",
            "requests",
            "time",
            "times ours",
            "rows/s",
            "CPU",
            "peak memory",
            "server's CPU",
            "lacks",
        ],
        rows: rows.collect(),
    }
}

fn chart(milliseconds: u64, entries: &[Value]) -> Chart {
    Chart {
        file: format!("first-sync-{milliseconds}ms"),
        title: format!("First sync at {milliseconds} ms a request: time"),
        unit: "s",
        logarithmic: true,
        bars: measured(entries)
            .map(|entry| Bar {
                label: short_name(entry),
                value: figure(entry, "wall_s"),
                ours: entry["ours"] == true,
            })
            .collect(),
    }
}

fn short_name(entry: &Value) -> String {
    match entry["name"].as_str().unwrap_or_default() {
        OURS => "gitlab-connector".into(),
        OURS_BARE => "gitlab-connector, bare".into(),
        OURS_EMULATOR => "gitlab-connector, emulator included".into(),
        CLASSIC => "one REST request after another *".into(),
        peer => format!("{peer}, bare"),
    }
}

fn summary(milliseconds: u64, entries: &[Value]) -> Vec<[String; 3]> {
    let Some(ours) = entries.first() else { return Vec::new() };
    let what = format!(
        "first sync of {} merge requests, {milliseconds} ms a request",
        thousands(figure(ours, "merge_requests"))
    );
    let others: Vec<String> = measured(entries)
        .filter(|entry| entry["ours"] == false)
        .map(|entry| {
            let name = entry["name"].as_str().unwrap_or_default();
            let name = name.split([' ', ':']).next().unwrap_or_default();
            let wall = figure(entry, "wall_s");
            format!("{name} {} ({})", seconds(wall), times(wall, figure(ours, "wall_s")))
        })
        .collect();
    let bare = measured(entries).find(|entry| entry["name"] == OURS_BARE);
    let bare = bare.map(|bare| format!("; {} for merge requests alone", seconds(figure(bare, "wall_s"))));
    let mine = format!(
        "{}, {} rows, {} requests, {:.0} MB{}",
        seconds(figure(ours, "wall_s")),
        thousands(figure(ours, "rows")),
        thousands(figure(ours, "requests")),
        figure(ours, "peak_mb"),
        bare.unwrap_or_default()
    );
    vec![[what, mine, others.join("; ")]]
}

fn servers_share(milliseconds: u64, entries: &[Value]) -> Option<String> {
    let ours = entries.first()?;
    let (wall, server, own) = (
        figure(ours, "wall_s"),
        figure(ours, "server_cpu_s"),
        figure(ours, "cpu_s"),
    );
    Some(format!(
        "At {milliseconds} ms, the simulated GitLab computed for {} while the connector synced for {}: {} per cent of the CPU time \
         of both is the server's own.",
        seconds(server),
        seconds(wall),
        number(100.0 * server / (server + own).max(0.001)),
    ))
}
