//! A few changes in the simulated GitLab, synced: only they move.

use local_stack::{Failed, Gitlab};
use serde_json::{Value, json};

use crate::report::{self, cells};
use crate::screen::Screen;
use crate::stack::Stack;

const KINDS: [&str; 4] = ["open_merge_request", "merge", "comment", "fail_pipeline"];

/// Makes the changes, syncs, and shows what moved.
pub fn show(screen: &Screen, stack: &Stack, gitlab: &Gitlab) -> Result<(), Failed> {
    screen.heading("Four changes in GitLab");
    let mut ids: Vec<i64> = Vec::new();
    for kind in KINDS {
        let change = gitlab.change(&json!({"kind": kind}))?;
        screen.line(&format!("• {}", change["description"].as_str().unwrap_or(kind)));
        ids.extend(change["merge_request_id"].as_i64());
    }
    ids.sort_unstable();
    ids.dedup();
    let before = marts(stack, &ids)?;
    screen.heading("Syncing again");
    let answer = stack.sync(screen)?;
    report::sync(screen, &answer);
    screen.line(&moved(&answer));
    screen.heading("What changed in dim_merge_requests");
    let after = marts(stack, &ids)?;
    let mut rows = Vec::new();
    for row in after {
        let old = before.iter().find(|old| old[0] == row[0]);
        let shown = row
            .iter()
            .enumerate()
            .map(|(column, new)| match old.map(|old| &old[column]) {
                Some(old) if old != new => format!("{old} → {new}"),
                Some(_) => new.clone(),
                None if column == 0 => format!("{new} (new)"),
                None => new.clone(),
            });
        rows.push(shown.collect());
    }
    screen.table(
        &["merge request", "state", "comments", "approvals", "pipeline", "cycle h"],
        &rows,
    );
    Ok(())
}

fn marts(stack: &Stack, ids: &[i64]) -> Result<Vec<Vec<String>>, Failed> {
    let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let rows = stack.warehouse.query(&format!(
        "SELECT CONCAT(project_path, '!', CAST(merge_request_iid AS STRING)), state, CAST(comments_count AS STRING), \
         CAST(approvals_count AS STRING), last_pipeline_status, CAST(ROUND(cycle_time_hours, 1) AS STRING) \
         FROM mergemind.dim_merge_requests WHERE merge_request_id IN ({}) ORDER BY merge_request_id",
        list.join(", ")
    ))?;
    Ok(cells(rows))
}

fn moved(answer: &Value) -> String {
    let written = |name: &str, one: &str| {
        let streams = answer["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
        let stream = streams.iter().find(|stream| stream["stream"] == name);
        let rows = stream.and_then(|stream| stream["written"].as_u64()).unwrap_or_default();
        format!("{rows} {one}{}", if rows == 1 { "" } else { "s" })
    };
    format!(
        "Only what changed was written: {}, {}, {}, {}.",
        written("merge_requests", "merge request"),
        written("mr_notes", "note"),
        written("pipelines", "pipeline"),
        written("projects", "project")
    )
}
