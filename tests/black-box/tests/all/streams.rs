//! Streams that are synced by choice.

use std::collections::BTreeMap;

use black_box::{World, warehouse, warehouse_rows};
use local_stack::http;
use serde_json::{Value, json};

const CHOSEN: &str = "issue_notes,issue_label_events,issue_state_events,mr_details,mr_closes_issues,mr_commits,mr_diff_files,mr_state_events,mr_label_events,commits,branches,tags,\
    releases,jobs,deployments,deployment_merge_requests,environments,group_members,project_members,group_variables,project_variables,\
    group_boards,project_boards,epics,epic_issues,iterations,vulnerabilities";

/// The chosen tables, and in GitLab's words: the table, and whose rows of it.
const TABLES: [(&str, &str, Option<&str>); 27] = [
    ("issue_notes", "issue_notes", None),
    ("issue_label_events", "issue_label_events", None),
    ("issue_state_events", "issue_state_events", None),
    ("mr_details", "mr_details", None),
    ("mr_closes_issues", "mr_closes_issues", None),
    ("mr_commits", "mr_commits", None),
    ("mr_diff_files", "mr_diff_files", None),
    ("mr_state_events", "mr_state_events", None),
    ("mr_label_events", "mr_label_events", None),
    ("commits", "commits", None),
    ("branches", "branches", None),
    ("tags", "tags", None),
    ("releases", "releases", None),
    ("jobs", "jobs", None),
    ("deployments", "deployments", None),
    ("deployment_merge_requests", "deployment_merge_requests", None),
    ("environments", "environments", None),
    ("group_members", "members", Some("group")),
    ("project_members", "members", Some("project")),
    ("group_variables", "variables", Some("group")),
    ("project_variables", "variables", Some("project")),
    ("group_boards", "issue_boards", Some("group")),
    ("project_boards", "issue_boards", Some("project")),
    ("epics", "epics", None),
    ("epic_issues", "epic_issues", None),
    ("iterations", "iterations", None),
    ("vulnerabilities", "vulnerabilities", None),
];

#[test]
fn every_chosen_stream_equals_gitlab_row_for_row() {
    let world = World::new(
        "chosen",
        &["--seed", "41", "--projects", "6", "--merge-requests", "120"],
    );
    let connector = world.connector(&[("STREAMS", CHOSEN)]);
    let answer = world.sync(&connector);
    // Some projects have no repository or no jobs: that is counted, and stops nobody.
    assert!(
        !answer["absent_lists"].as_object().expect("an object").is_empty(),
        "{answer:#}"
    );
    for (table, theirs, owner) in TABLES {
        compare(&world, table, theirs, owner);
    }
    world.assert_equal();
    // Values of variables never get anywhere.
    let rows = warehouse_rows(warehouse(), &world.raw, "project_variables");
    let text = Value::Array(rows).to_string() + &connector.process.log_text();
    assert!(!text.contains("canary-value"), "a variable's value was kept");
}

#[test]
#[ignore = "slow (two syncs of lists of single rows): scripts/test --slow; the simulations `rest_rows` read them again after changes"]
fn children_of_a_merge_request_follow_its_changes() {
    let world = World::new(
        "children",
        &["--seed", "42", "--projects", "3", "--merge-requests", "60"],
    );
    let streams = "mr_commits,mr_diff_files,mr_state_events,issue_notes";
    let connector = world.connector(&[("STREAMS", streams)]);
    world.sync(&connector);
    for kind in [
        "push",
        "close",
        "comment_issue",
        "push",
        "open_merge_request",
        "set_labels",
    ] {
        world.gitlab.change(&json!({"kind": kind})).expect("a change");
    }
    world.sync(&connector);
    for table in streams.split(',') {
        compare(&world, table, table, None);
    }
}

#[test]
fn streams_can_be_switched_off_and_a_request_can_narrow_them() {
    let world = World::new(
        "narrowed",
        &["--seed", "43", "--projects", "3", "--merge-requests", "30"],
    );
    let connector = world.connector(&[("STREAMS_OFF", "mr_notes,issues")]);
    let (status, answer) =
        http::post(&connector.url, None, &json!({"streams": ["merge_requests"]})).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    let count = |table: &str| warehouse_rows(warehouse(), &world.raw, table).len();
    assert!(count("merge_requests") > 0 && count("users") > 0);
    // What a cursor stands for is read whole: labels of merge requests too, and no pipelines.
    assert!(count("mr_labels") > 0);
    assert_eq!((count("pipelines"), count("mr_notes")), (0, 0));
    world.sync(&connector);
    assert!(count("pipelines") > 0);
    assert_eq!((count("mr_notes"), count("issues")), (0, 0));
    drop(connector);

    // Switched on again, they come with their past.
    world.sync(&world.connector(&[]));
    world.assert_equal();
}

fn compare(world: &World, table: &str, theirs: &str, owner: Option<&str>) {
    let expected = world.gitlab.rows(theirs).expect("GitLab's rows");
    let expected: Vec<Value> = expected.into_iter().filter_map(|row| ours(row, table, owner)).collect();
    let actual = warehouse_rows(warehouse(), &world.raw, table);
    assert!(
        !expected.is_empty(),
        "GitLab has no {table}: the test would prove nothing"
    );
    let count = |rows: &[Value]| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        rows.iter().for_each(|row| *counts.entry(sorted(row)).or_default() += 1);
        counts
    };
    let (expected, actual) = (count(&expected), count(&actual));
    let missing: Vec<_> = expected
        .keys()
        .filter(|row| !actual.contains_key(*row))
        .take(2)
        .collect();
    let extra: Vec<_> = actual
        .keys()
        .filter(|row| !expected.contains_key(*row))
        .take(2)
        .collect();
    assert!(expected == actual, "{table}: missing {missing:#?}, too many {extra:#?}");
}

/// A row as our table has it: tables that GitLab's side keeps as one are two here.
fn ours(mut row: Value, table: &str, owner: Option<&str>) -> Option<Value> {
    let Some(owner) = owner else { return Some(row) };
    let column = format!("{owner}_id");
    let fields = row.as_object_mut().expect("an object");
    if let Some(kind) = fields.remove("source_type") {
        if kind != owner {
            return None;
        }
        let id = fields.remove("source_id").expect("an owner");
        fields.insert(column, id);
        return Some(row);
    }
    assert!(table.ends_with("_boards"));
    if fields[&column].is_null() {
        return None;
    }
    for other in ["group_id", "project_id"].iter().filter(|name| **name != column) {
        fields.remove(*other);
    }
    Some(row)
}

/// A row's text, whatever the order of its columns.
fn sorted(row: &Value) -> String {
    let fields: BTreeMap<&String, &Value> = row.as_object().expect("an object").iter().collect();
    json!(fields).to_string()
}
