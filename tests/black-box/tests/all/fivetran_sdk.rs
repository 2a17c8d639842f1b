//! Fivetran gets what GitLab has, through our connector for its SDK.

use std::collections::BTreeMap;
use std::path::Path;

use black_box::fivetran::{Folder, by_key, counted, serve};
use black_box::{TABLES, World};
use local_stack::{Connector, http, root};
use serde_json::{Value, json};

const TOKEN: &str = "fivetran-3b9d41f7";

/// A connector that asks for [`TOKEN`].
fn connector(world: &World) -> Connector {
    world.connector(&[("AUTH_TOKEN", TOKEN)])
}

fn assert_tables_equal(world: &World, tables: &Value) {
    for table in TABLES {
        let key = &tables[table]["key"];
        let actual = by_key(key, tables[table]["rows"].as_array().expect("rows"));
        let expected = by_key(key, &world.gitlab.rows(table).expect("GitLab's rows"));
        assert!(!expected.is_empty(), "GitLab has no {table}");
        let missing: Vec<_> = expected.keys().filter(|id| !actual.contains_key(*id)).take(5).collect();
        let extra: Vec<_> = actual.keys().filter(|id| !expected.contains_key(*id)).take(5).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{table}: missing {missing:?}, too many {extra:?}"
        );
        for (id, row) in &expected {
            assert_eq!(&actual[id], row, "{table} {id} differs");
        }
    }
}

#[test]
#[ignore = "slow (Fivetran's tester syncs one at a time): scripts/test --slow; the quick run asks the function as Fivetran does"]
fn fivetran_debug_gets_what_gitlab_has() {
    let world = World::new(
        "fivetran_sdk",
        &["--seed", "71", "--projects", "4", "--merge-requests", "50"],
    );
    let connector = connector(&world);
    let folder = Folder::new(&json!({"function_url": connector.url, "auth_token": TOKEN}));
    let (ok, output) = folder.sync();
    assert!(ok, "{output}");
    assert!(!output.contains(TOKEN), "the token is in: {output}");
    let tables = folder.tables();
    assert_tables_equal(&world, &tables);
    assert_eq!(tables["mr_labels"]["key"], json!(["merge_request_id", "label_id"]));
    let types = &tables["merge_requests"]["types"];
    assert_eq!(types["created_at"], "TIMESTAMP WITH TIME ZONE");
    assert_eq!(tables["issues"]["types"]["due_date"], "DATE");
    assert_eq!(tables["issues"]["types"]["labels"], "JSON");

    let (ok, output) = folder.sync();
    assert!(ok, "{output}");
    assert_eq!(
        (counted(&output, "Upserts"), counted(&output, "Deletes")),
        (0, 0),
        "{output}"
    );

    let mut gone = BTreeMap::new();
    for (kind, table) in [
        ("merge", None),
        ("comment", None),
        ("delete_note", Some("mr_notes")),
        ("unlabel", Some("mr_labels")),
        ("delete_merge_request", Some("merge_requests")),
    ] {
        let rows = |table: Option<&str>| table.map_or(0, |table| world.gitlab.rows(table).expect("rows").len());
        let before = rows(table);
        world.gitlab.change(&json!({"kind": kind})).expect("a change");
        if let Some(table) = table {
            assert!(rows(Some(table)) < before, "{kind} took nothing away");
            gone.insert(table, kind);
        }
    }
    // GitLab tells nobody that a note is gone: finding that out is a reconciliation's work.
    let order = json!({"reconcile": true});
    let (status, answer) = http::post(&connector.url, Some(TOKEN), &order).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    let (ok, output) = folder.sync();
    assert!(ok, "{output}");
    let tables = folder.tables();
    assert_tables_equal(&world, &tables);
    for (table, kind) in gone {
        let deleted = tables[table]["deleted"].as_array().expect("rows");
        assert!(!deleted.is_empty(), "{kind} left no mark in {table}: {output}");
    }
    let upserts = counted(&output, "Upserts");
    assert!(
        (1..100).contains(&upserts),
        "only what changed is handed over:\n{output}"
    );
}

#[test]
fn mistakes_in_fivetrans_configuration_are_named_and_the_token_is_not() {
    let world = World::new("fivetran_mistakes", &["--seed", "75"]);
    let connector = connector(&world);
    let wrong = "fivetran-not-this-one";
    let example = root().join("functions/gitlab-connector/fivetran/configuration.json");
    let example: Value = serde_json::from_slice(&std::fs::read(example).expect("the example")).expect("JSON");
    for (configuration, told) in [
        (example, "function_url is not set"),
        (json!({"function_url": connector.url}), "auth_token is not set"),
        (
            json!({"function_url": "http://example.com", "auth_token": wrong}),
            "must begin with https://",
        ),
        (
            json!({"function_url": connector.url, "auth_token": format!("{wrong}\n{wrong}")}),
            "a line break",
        ),
        (
            json!({"function_url": connector.url, "auth_token": wrong, "timeout_seconds": "soon"}),
            "timeout_seconds must be",
        ),
        (
            json!({"function_url": connector.url, "auth_token": wrong}),
            "Set auth_token to the function's AUTH_TOKEN",
        ),
        (
            json!({"function_url": world.gitlab.url, "auth_token": wrong}),
            "Is function_url the address of the function gitlab-connector?",
        ),
    ] {
        let folder = Folder::new(&configuration);
        let (ok, output) = folder.sync();
        assert!(!ok && output.contains(told), "{told} is not in:\n{output}");
        assert!(!output.contains(wrong), "the token is in:\n{output}");
        assert_nowhere_below(folder.path(), wrong);
    }
}

#[test]
fn the_connector_for_fivetrans_sdk_asks_again_while_that_may_help() {
    let answer = |status: u16, body: Value| (status, body);
    let schema = json!({"t": {"primary_key": ["id"], "columns": {"id": "LONG"}}});
    let rows = json!([{"id": 1}, {"id": 2}]);
    let good = |state: u64, more: bool| json!({"state": {"n": state}, "insert": {"t": rows}, "delete": {}, "schema": schema, "hasMore": more});
    let answers = vec![
        answer(
            409,
            json!({"code": "sync_running", "message": "a sync has been running for 3 s"}),
        ),
        answer(
            200,
            json!({"state": {}, "insert": {}, "delete": {}, "schema": schema, "hasMore": false}),
        ),
        answer(429, json!({})),
        answer(503, json!({"code": "gitlab_unavailable", "message": "GitLab is down"})),
        answer(200, good(1, true)),
        answer(502, json!({"code": "warehouse", "message": "BigQuery is down"})),
        answer(200, good(2, false)),
    ];
    let (url, asked) = serve(answers);
    let folder = Folder::new(&json!({"function_url": url, "auth_token": TOKEN}));
    let (ok, output) = folder.sync();
    assert!(
        ok && output.contains("sync_running") && output.contains("GitLab is down"),
        "{output}"
    );
    assert_eq!(
        (counted(&output, "Upserts"), counted(&output, "Checkpoints")),
        (4, 2),
        "{output}"
    );
    let asked: Vec<Value> = asked.join().expect("the requests");
    let states: Vec<&Value> = asked.iter().map(|body| &body["state"]).collect();
    let (none, first) = (&json!({}), &json!({"n": 1}));
    assert_eq!(states, [none, none, none, none, none, first, first]);
    assert_eq!(asked[0]["setup_test"], true);

    let refused = json!({"code": "gitlab_unauthorized", "message": "GitLab refuses the token"});
    let (url, asked) = serve(vec![answer(502, refused)]);
    let folder = Folder::new(&json!({"function_url": url, "auth_token": TOKEN}));
    let (ok, output) = folder.sync();
    assert!(!ok && output.contains("GitLab refuses the token"), "{output}");
    assert_eq!(
        asked.join().expect("the requests").len(),
        1,
        "asking again would not help"
    );
}

#[test]
fn dbt_runs_after_a_fivetran_sync_and_keys_of_before_are_explained() {
    let schema = json!({"t": {"primary_key": ["id"], "columns": {"id": "LONG"}}});
    let answer = |rows: Value| {
        let body = json!({"state": {}, "insert": {"t": rows}, "delete": {}, "schema": schema, "hasMore": false});
        (200, body)
    };
    for (rows, status, body, told) in [
        (
            json!([{"id": 1}]),
            202,
            json!({"run_id": "r-1"}),
            "Successfully triggered dbt run r-1",
        ),
        (
            json!([{"id": 1}]),
            401,
            json!({"code": "unauthorized"}),
            "Is dbt_trigger_auth_token",
        ),
    ] {
        let (url, _) = serve(vec![answer(json!([])), answer(rows)]);
        let (trigger, asked) = serve(vec![(status, body)]);
        let folder = Folder::new(&json!({
            "function_url": url, "auth_token": TOKEN,
            "gitlab_token": "glpat-canary-77", "gitlab_base_url": "https://gitlab.com", "sync_interval_hours": "1",
            "dbt_trigger_url": trigger, "dbt_trigger_auth_token": "trigger-canary-77",
        }));
        let (ok, output) = folder.sync();
        assert!(ok && output.contains(told), "{told} is not in:\n{output}");
        for key in ["gitlab_token", "gitlab_base_url", "sync_interval_hours"] {
            assert!(output.contains(&format!("{key} is not used here")), "{output}");
        }
        assert!(!output.contains("canary-77"), "a token is in:\n{output}");
        assert_eq!(asked.join().expect("the requests")[0]["action"], "run_dbt");
    }
    // Nothing moved: nobody is asked. (A trigger that is not there would be warned about.)
    let (url, _) = serve(vec![answer(json!([])), answer(json!([]))]);
    let folder = Folder::new(&json!({
        "function_url": url, "auth_token": TOKEN,
        "dbt_trigger_url": "http://127.0.0.1:9", "dbt_trigger_auth_token": "trigger-canary-77",
    }));
    let (ok, output) = folder.sync();
    assert!(ok && !output.contains("dbt was not run"), "{output}");
}

/// No file but the configuration holds `secret`.
fn assert_nowhere_below(folder: &Path, secret: &str) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_nowhere_below(&path, secret);
        } else if !path.ends_with("configuration.json") {
            let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
            assert!(!text.contains(secret), "the token is in {}", path.display());
        }
    }
}
