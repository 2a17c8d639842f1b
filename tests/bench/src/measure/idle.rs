//! Syncs of many projects in which nothing, or next to nothing, has happened.

use std::time::Instant;

use local_stack::{Connector, Failed, Gitlab};
use serde_json::{Value, json};

use crate::lab::{Lab, latency, median, requests, sync, written};
use crate::page::{Page, Table, seconds, thousands};

/// Of all projects, those in which something happens.
const CHANGED: usize = 100;

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let (projects, merge_requests) = lab.pick((1_000, 5_000), (100, 120));
    let gitlab = lab.gitlab(projects, merge_requests)?;
    let warehouse = lab.warehouse("idle")?;
    let connector = lab.connector(&gitlab, (&warehouse.rest, &warehouse.storage), &[])?;
    sync(&connector)?;
    // What was written moments ago is looked at again until it is older than the overlap, so a sync in between.
    sync(&connector)?;
    latency(&gitlab, 40)?;
    let idle = repeated(lab, &gitlab, &connector, None)?;
    let changed = repeated(lab, &gitlab, &connector, Some(projects / CHANGED))?;
    Ok(json!({
        "projects": projects, "merge_requests": gitlab.rows("merge_requests")?.len(), "latency_ms": 40,
        "idle": idle, "changed": changed, "changed_projects": projects / CHANGED,
    }))
}

/// Medians of some syncs, each after a change of one merge request in so many projects.
fn repeated(lab: &Lab, gitlab: &Gitlab, connector: &Connector, changes: Option<usize>) -> Result<Value, Failed> {
    let (mut times, mut counts, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..lab.pick(5, 1) {
        if let Some(changes) = changes {
            change(gitlab, changes, round)?;
        }
        gitlab.stats_reset()?;
        let begun = Instant::now();
        let answer = sync(connector)?;
        times.push(begun.elapsed().as_secs_f64());
        counts.push(requests(gitlab)? as f64);
        rows.push(written(&answer) as f64);
    }
    let rows = median(rows);
    if changes.is_some() && rows < 1.0 {
        return Err("a sync after changes wrote nothing".into());
    }
    Ok(json!({"requests": median(counts), "wall_s": median(times), "written": rows}))
}

/// Comments on an open merge request of so many projects.
fn change(gitlab: &Gitlab, projects: usize, round: usize) -> Result<(), Failed> {
    let mut paths: Vec<String> = gitlab
        .rows("merge_requests")?
        .iter()
        .filter(|row| row["state"] == "opened")
        .filter_map(|row| {
            let address = row["web_url"].as_str()?.split("/-/").next()?;
            Some(address.splitn(4, '/').nth(3)?.to_owned())
        })
        .collect();
    paths.sort_unstable();
    paths.dedup();
    let step = (paths.len() / projects.max(1)).max(1);
    for path in paths.iter().skip(round).step_by(step).take(projects) {
        gitlab.change(&json!({"kind": "comment", "project": path}))?;
    }
    Ok(())
}

pub fn page(figures: &Value) -> Page {
    let of = |what: &str, name: &str| figures[what][name].as_f64().unwrap_or_default();
    let row = |what: &str, label: String| {
        vec![
            label,
            thousands(of(what, "requests")),
            seconds(of(what, "wall_s")),
            thousands(of(what, "written")),
        ]
    };
    let changed = format!("a comment in {} projects", figures["changed_projects"]);
    Page {
        intro: format!(
            "{} projects with {} merge requests below one group, {} ms for each request, into the local warehouse. Medians.",
            thousands(figures["projects"].as_f64().unwrap_or_default()),
            thousands(figures["merge_requests"].as_f64().unwrap_or_default()),
            figures["latency_ms"]
        ),
        tables: vec![Table {
            title: String::new(),
            columns: vec!["what happened", "requests", "time", "rows written"],
            rows: vec![row("idle", "nothing".into()), row("changed", changed.clone())],
        }],
        summary: vec![[
            format!(
                "sync of {} projects",
                thousands(figures["projects"].as_f64().unwrap_or_default())
            ),
            format!(
                "{} requests, {} when nothing happened",
                of("idle", "requests"),
                seconds(of("idle", "wall_s"))
            ),
            format!(
                "{} requests, {} after {changed}",
                of("changed", "requests"),
                seconds(of("changed", "wall_s"))
            ),
        ]],
        ..Page::default()
    }
}
