//! `{"verify": true}`: somebody has changed the raw tables by hand.

use std::collections::BTreeSet;

use black_box::{World, warehouse, warehouse_rows};
use local_stack::{Connector, http};
use serde_json::{Value, json};

const TABLES: [&str; 3] = ["environments", "issues", "merge_requests"];

/// Texts of the first column.
fn texts(sql: &str) -> Vec<String> {
    let rows = warehouse().query(sql).expect("rows");
    rows.into_iter().map(|row| row[0].clone().unwrap_or_default()).collect()
}

fn named(answer: &Value, what: &str) -> BTreeSet<String> {
    let all = answer["verify"][what]["first"].as_array().cloned().unwrap_or_default();
    all.iter()
        .filter_map(|name| name.as_str().map(ToOwned::to_owned))
        .collect()
}

/// Streams in which a project is not equal, and how many rows are missing.
fn unequal(raw: &str) -> Vec<String> {
    texts(&format!(
        "SELECT CONCAT(stream, ' ', CAST(gitlab_count - live_count AS STRING)) FROM {raw}._ledger WHERE NOT _deleted AND NOT equal ORDER BY 1"
    ))
}

/// What the connector answers.
fn verify(connector: &Connector, body: Value) -> Value {
    let (status, answer) = http::post(&connector.url, None, &body).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    answer
}

#[test]
fn rows_that_somebody_changed_or_took_out_by_hand_are_named_and_repaired() {
    let world = World::new("verifying", &["--seed", "71", "--merge-requests", "60"]);
    let connector = world.connector(&[("STREAMS", "environments")]);
    world.sync(&connector);
    let raw = &world.raw;
    let first = |table: &str, key: &str| {
        let sql = format!(
            "SELECT CONCAT(CAST(t.{key} AS STRING), ' ', CAST(t.project_id AS STRING), ' ', p.full_path) \
             FROM {raw}.{table} t JOIN {raw}.projects p ON p.id = t.project_id WHERE NOT t._deleted ORDER BY t.{key} LIMIT 1"
        );
        let words = texts(&sql)[0].clone();
        let words: Vec<String> = words.splitn(3, ' ').map(ToOwned::to_owned).collect();
        let [key, project, path] = words.try_into().expect("three words");
        (key, project, path)
    };
    let (environment, _, path) = first("environments", "id");
    let (issue, ..) = first("issues", "id");
    let (request, ..) = first("merge_requests", "id");
    let iid_of = |table: &str, id: &str| {
        texts(&format!(
            "SELECT CAST(iid AS STRING) FROM {raw}.{table} WHERE id = {id}"
        ))[0]
            .clone()
    };
    let change = |statement: &str| drop(warehouse().query(statement).expect("it is done"));
    let rows_of = |table: &str| {
        let rows = warehouse_rows(warehouse(), raw, table);
        rows.iter().map(ToString::to_string).collect::<BTreeSet<_>>()
    };
    let was = TABLES.map(rows_of);
    let number = iid_of("merge_requests", &request);
    change(&format!(
        "UPDATE {raw}.environments SET name = 'other', updated_at = TIMESTAMP_SUB(updated_at, INTERVAL 1 SECOND) WHERE id = {environment}"
    ));
    change(&format!(
        "UPDATE {raw}.issues SET title = 'other', updated_at = TIMESTAMP_SUB(updated_at, INTERVAL 1 SECOND) WHERE id = {issue}"
    ));
    change(&format!("DELETE FROM {raw}.merge_requests WHERE id = {request}"));

    // Without a scope what GitLab would have to give whole is not read.
    let answer = verify(&connector, json!({"verify": true}));
    let (changed, missing) = (named(&answer, "changed"), named(&answer, "missing"));
    assert!(
        changed.len() == 1 && changed.iter().all(|name| name.contains("/-/issues/")),
        "{answer:#}"
    );
    assert!(
        missing.len() == 1
            && missing
                .iter()
                .all(|name| name.ends_with(&format!("/-/merge_requests/{number}"))),
        "{answer:#}"
    );
    let answer = verify(&connector, json!({"verify": true, "scopes": [path]}));
    assert_eq!(
        named(&answer, "changed"),
        BTreeSet::from([format!("environments {environment} of {path}")]),
        "{answer:#}"
    );
    assert!(TABLES.map(rows_of) == was, "they are not as they were");
    assert_eq!(unequal(raw), Vec::<String>::new());
}

#[test]
#[ignore = "slow (two full reads and three comparisons): scripts/test --slow; the simulations `ledger` count the same"]
fn what_is_missing_inside_rows_is_counted_in_the_ledger_until_a_full_refresh() {
    let world = World::new("inside_rows", &["--seed", "72", "--merge-requests", "60"]);
    let connector = world.connector(&[("STREAMS", "mr_commits,mr_state_events")]);
    world.sync(&connector);
    let raw = &world.raw;
    let change = |statement: &str| drop(warehouse().query(statement).expect("it is done"));
    verify(&connector, json!({"verify": true}));
    assert_eq!(unequal(raw), Vec::<String>::new());
    change(&format!(
        "DELETE FROM {raw}.mr_labels WHERE CONCAT(CAST(merge_request_id AS STRING), ' ', CAST(label_id AS STRING)) = (SELECT CONCAT(CAST(merge_request_id AS STRING), ' ', CAST(label_id AS STRING)) FROM {raw}.mr_labels ORDER BY 1 LIMIT 1)"
    ));
    change(&format!(
        "DELETE FROM {raw}.mr_notes WHERE id = (SELECT MIN(id) FROM {raw}.mr_notes WHERE NOT system)"
    ));
    verify(&connector, json!({"verify": true}));
    assert_eq!(unequal(raw), ["mr_labels 1", "mr_notes 1"]);
    let untold = texts(&format!(
        "SELECT DISTINCT stream FROM {raw}._ledger WHERE equal IS NULL AND gitlab_count IS NULL AND live_count > 0"
    ));
    assert_eq!(untold, ["mr_state_events"]);
    verify(&connector, json!({"full_refresh": true}));
    verify(&connector, json!({"verify": true}));
    assert_eq!(unequal(raw), Vec::<String>::new());
}
