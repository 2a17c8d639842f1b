//! What an event writes into the marts at once is what a build writes later.

use std::collections::BTreeSet;

use black_box::{TRIGGER_TOKEN, World, warehouse};
use local_stack::{Trigger, http, root};
use serde_json::{Value, json};

/// The tables of which single rows are written.
const TABLES: [&str; 3] = ["dim_merge_requests", "fct_comments", "fct_merge_requests"];
/// What happens to merge requests, and to what their rows show.
const KINDS: [&str; 16] = [
    "comment",
    "edit_note",
    "delete_note",
    "approve",
    "unapprove",
    "push",
    "toggle_draft",
    "request_review",
    "merge",
    "close",
    "reopen",
    "edit_title",
    "start_pipeline",
    "fail_pipeline",
    "open_merge_request",
    "rename_user",
];

fn order(trigger: &Trigger, order: &Value) -> Value {
    let (status, answer) = http::post(&trigger.url, Some(TRIGGER_TOKEN), order).expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer:#}");
    answer
}

/// Numbers that look random, the same in every run.
fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |sides| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    }
}

#[test]
#[ignore = "slow (a build for each round): scripts/test --slow; a webhook reaches a mart in the quick run, by one change"]
fn rows_that_an_event_writes_are_those_of_a_build_after_random_changes() {
    let world = World::new("live_rows", &["--seed", "73", "--merge-requests", "60"]);
    let (trigger, connector) = (world.trigger(&root().join("models"), false), world.connector(&[]));
    world.sync(&connector);
    let built = json!({"select": "+fct_merge_requests +fct_comments", "exclude": "resource_type:test"});
    order(&trigger, &built);
    let mut dice = dice(73);
    let mut moved = 0;
    for round in 0..6 {
        let mut ids = BTreeSet::new();
        let mut done = Vec::new();
        for _ in 0..3 {
            let kind = KINDS[dice(KINDS.len())];
            // There may be none that can be reopened, say.
            if let Ok(change) = world.gitlab.change(&json!({"kind": kind})) {
                ids.extend(change["merge_request_id"].as_i64());
                done.push(kind);
            }
        }
        if ids.is_empty() {
            continue;
        }
        world.sync(&connector);
        let before = rows(&world, &ids);
        let answer = order(&trigger, &live(&world, &ids));
        let nodes: Vec<&Value> = answer["nodes"].as_array().expect("nodes").iter().collect();
        let names: BTreeSet<&str> = nodes.iter().filter_map(|node| node["name"].as_str()).collect();
        assert_eq!(names, BTreeSet::from(TABLES), "{answer:#}");
        let at_once = rows(&world, &ids);
        order(&trigger, &built);
        let later = rows(&world, &ids);
        for ((table, at_once), later) in TABLES.iter().zip(&at_once).zip(&later) {
            assert_eq!(at_once, later, "{table} in round {round} after {done:?} of {ids:?}");
        }
        moved += usize::from(before != at_once);
    }
    assert!(
        moved >= 3,
        "only {moved} rounds changed a row, so the test proves little"
    );
}

/// A run of what these merge requests have in the marts.
fn live(world: &World, ids: &BTreeSet<i64>) -> Value {
    let sql = format!(
        "SELECT project_id, source_project_id FROM {}.merge_requests WHERE id IN ({})",
        world.raw,
        list(ids)
    );
    let rows = warehouse().query(&sql).expect("rows");
    let projects: BTreeSet<i64> = rows
        .iter()
        .flatten()
        .flatten()
        .filter_map(|id| id.parse().ok())
        .collect();
    json!({"live": true, "sync_info": {
        "changed_tables": ["merge_requests", "mr_notes", "pipelines"],
        "changed_rows": {"merge_requests": ids, "projects": projects},
    }})
}

/// The rows of these merge requests in each table, as text.
fn rows(world: &World, ids: &BTreeSet<i64>) -> Vec<Vec<String>> {
    let of = |table: &&str| {
        let sql = format!(
            "SELECT TO_JSON_STRING(one) FROM (SELECT * FROM {}.{table} WHERE merge_request_id IN ({})) AS one ORDER BY 1",
            world.modelled,
            list(ids)
        );
        let rows = warehouse().query(&sql).expect("rows");
        rows.into_iter().flatten().flatten().collect()
    };
    TABLES.iter().map(of).collect()
}

fn list(ids: &BTreeSet<i64>) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
