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
    let warehouses = [lab.warehouse("idle-group")?, lab.warehouse("idle-single")?];
    let discovered = [("GITLAB_GROUPS", ""), ("AUTO_DISCOVER_PROJECTS", "true")];
    let [group, single] = &warehouses;
    let connectors = [
        lab.connector(&gitlab, (&group.rest, &group.storage), &[])?,
        lab.connector(&gitlab, (&single.rest, &single.storage), &discovered)?,
    ];
    for connector in &connectors {
        sync(connector)?;
        // What was written moments ago is looked at again until it is older than the overlap, so a sync in between.
        sync(connector)?;
    }
    latency(&gitlab, 40)?;
    let [idle, single_idle] = repeated(lab, &gitlab, &connectors, None)?;
    let [changed, single_changed] = repeated(lab, &gitlab, &connectors, Some(projects / CHANGED))?;
    Ok(json!({
        "projects": projects, "merge_requests": gitlab.rows("merge_requests")?.len(), "latency_ms": 40,
        "idle": idle, "changed": changed, "changed_projects": projects / CHANGED,
        "single_idle": single_idle, "single_changed": single_changed,
    }))
}

/// Syncs of one connector.
#[derive(Default)]
struct Syncs {
    times: Vec<f64>,
    requests: Vec<f64>,
    rows: Vec<f64>,
}

/// Medians of some syncs of each connector, each after a change of one merge request in so many projects.
fn repeated(
    lab: &Lab,
    gitlab: &Gitlab,
    connectors: &[Connector; 2],
    changes: Option<usize>,
) -> Result<[Value; 2], Failed> {
    let mut all = [Syncs::default(), Syncs::default()];
    for round in 0..lab.pick(5, 1) {
        if let Some(changes) = changes {
            change(gitlab, changes, round)?;
        }
        for (connector, syncs) in connectors.iter().zip(&mut all) {
            gitlab.stats_reset()?;
            let begun = Instant::now();
            let answer = sync(connector)?;
            syncs.times.push(begun.elapsed().as_secs_f64());
            syncs.requests.push(requests(gitlab)? as f64);
            syncs.rows.push(written(&answer) as f64);
        }
    }
    let medians = all.map(|Syncs { times, requests, rows }| {
        json!({"requests": median(requests), "wall_s": median(times), "written": median(rows)})
    });
    if changes.is_some() && medians.iter().any(|syncs| syncs["written"].as_f64() < Some(1.0)) {
        return Err("a sync after changes wrote nothing".into());
    }
    Ok(medians)
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
            rows: vec![
                row("idle", "nothing".into()),
                row("changed", changed.clone()),
                row("single_idle", "nothing, projects discovered one by one".into()),
                row("single_changed", format!("{changed}, discovered one by one")),
            ],
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
