//! Fivetran gets what GitLab has: through our connector for its SDK, and with calls as its own connector makes them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use black_box::fivetran::{Folder, Runner, counted, rows_of, serve};
use black_box::{TABLES, World, warehouse};
use local_stack::{Connector, http, root};
use serde_json::{Value, json};

const TOKEN: &str = "fivetran-3b9d41f7";

/// A connector that asks for [`TOKEN`].
fn connector(world: &World) -> Connector {
    world.connector(&[("AUTH_TOKEN", TOKEN)])
}

fn call(connector: &Connector, body: &Value) -> http::Answer {
    http::post(&format!("{}/fivetran", connector.url), None, body).expect("an answer")
}

fn by_key(key: &Value, rows: &[Value]) -> BTreeMap<String, Value> {
    let text = |row: &Value| {
        let parts = key.as_array().expect("a key").iter();
        let parts: Vec<String> = parts
            .map(|name| row[name.as_str().expect("a name")].to_string())
            .collect();
        parts.join("/")
    };
    let map: BTreeMap<String, Value> = rows.iter().map(|row| (text(row), row.clone())).collect();
    assert_eq!(map.len(), rows.len(), "a key stands twice");
    map
}

fn assert_tables_equal(world: &World, tables: &Value) {
    for table in TABLES {
        let key = &tables[table]["key"];
        let actual = by_key(key, &rows_of(&tables[table]["rows"]));
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
fn the_connector_for_fivetrans_sdk_hands_over_what_gitlab_has() {
    gets_what_gitlab_has("fivetran_sdk", Runner::StandIn);
}

#[test]
#[ignore = "needs Fivetran's tester, which has a licence of its own: see functions/gitlab-connector/fivetran/README.md"]
fn fivetrans_own_tester_gets_what_gitlab_has() {
    gets_what_gitlab_has("fivetran_tester", Runner::Fivetran);
}

fn gets_what_gitlab_has(name: &'static str, runner: Runner) {
    let world = World::new(name, &["--seed", "71", "--projects", "4", "--merge-requests", "50"]);
    let connector = connector(&world);
    let folder = Folder::new(&json!({"function_url": connector.url, "auth_token": TOKEN}), runner);
    let (ok, output) = folder.sync();
    assert!(ok, "{output}");
    assert!(!output.contains(TOKEN), "the token is in: {output}");
    let tables = folder.tables();
    assert_tables_equal(&world, &tables);
    assert_eq!(tables["mr_labels"]["key"], json!(["merge_request_id", "label_id"]));
    let (time, date) = match runner {
        Runner::StandIn => ("UTC_DATETIME", "NAIVE_DATE"),
        Runner::Fivetran => ("TIMESTAMP WITH TIME ZONE", "DATE"),
    };
    assert_eq!(tables["merge_requests"]["types"]["created_at"], time);
    assert_eq!(tables["issues"]["types"]["due_date"], date);
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
        let deleted = rows_of(&tables[table]["deleted"]);
        assert!(!deleted.is_empty(), "{kind} left no mark in {table}: {output}");
    }
    let upserts = counted(&output, "Upserts");
    assert!(
        (1..100).contains(&upserts),
        "only what changed is handed over:\n{output}"
    );
}

#[test]
fn fivetrans_setup_test_gets_the_tables_and_no_rows() {
    let world = World::new("fivetran_setup", &["--seed", "72"]);
    let connector = connector(&world);
    let ask = json!({"agent": "Fivetran Google Cloud Functions Connector/x/y", "state": {}, "secrets": {"auth_token": TOKEN}, "setup_test": true});
    let (status, answer) = call(&connector, &ask);
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(answer["hasMore"], false);
    assert_eq!((&answer["insert"], &answer["delete"]), (&json!({}), &json!({})));
    for table in TABLES {
        assert!(answer["schema"][table]["primary_key"].is_array(), "{table}: {answer:#}");
        assert!(answer["schema"][table]["columns"].is_null(), "nobody asked for columns");
    }
    let stats = world.gitlab.stats().expect("statistics");
    let asked = stats["requests"]["total"].as_u64().expect("a number");
    assert!(asked <= 2, "a setup test is quick, but asked GitLab {asked} times");
}

#[test]
fn fivetrans_calls_need_the_token() {
    let world = World::new("fivetran_token", &["--seed", "73"]);
    let connector = connector(&world);
    let setup = |secrets: Value| json!({"state": {}, "secrets": secrets, "setup_test": true});
    let wrong = "fivetran-3b9d41f8";
    for secrets in [json!({}), json!({"auth_token": wrong}), json!({"auth_token": ""})] {
        let (status, answer) = call(&connector, &setup(secrets));
        assert_eq!((status, &answer["code"]), (401, &json!("unauthorized")), "{answer:#}");
        assert!(!answer.to_string().contains(wrong) && !answer.to_string().contains(TOKEN));
    }
    let url = format!("{}/fivetran", connector.url);
    let as_header = http::post(&url, Some(TOKEN), &setup(json!({}))).expect("an answer");
    assert_eq!(as_header.0, 200, "{:#}", as_header.1);
    assert_eq!(call(&connector, &setup(json!({"auth_token": TOKEN}))).0, 200);
    assert!(!connector.process.log_text().contains(TOKEN) && !connector.process.log_text().contains(wrong));
}

#[test]
#[ignore = "slow: scripts/test --slow"]
fn what_is_too_much_for_one_answer_comes_in_several() {
    let world = World::new("fivetran_paging", &["--seed", "74", "--merge-requests", "1200"]);
    let connector = connector(&world);
    let (mut state, mut answers) = (json!({}), 0);
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let schema = loop {
        let (status, answer) = call(&connector, &json!({"state": state, "secrets": {"auth_token": TOKEN}}));
        assert_eq!(status, 200, "{answer:#}");
        let bytes = answer.to_string().len();
        assert!(bytes < 10_000_000, "{bytes} bytes");
        for (table, rows) in answer["insert"].as_object().expect("tables") {
            let rows = rows.as_array().expect("rows");
            found.entry(table.clone()).or_default().extend(rows.iter().cloned());
        }
        answers += 1;
        state = answer["state"].clone();
        if answer["hasMore"] == false {
            break answer["schema"].clone();
        }
        assert!(answers < 20, "it does not end");
    };
    assert!(answers > 1, "all fitted into one answer: the test proves nothing");
    for table in TABLES {
        let key = &schema[table]["primary_key"];
        // Also that no row came twice.
        let actual = by_key(key, &found[table]);
        let expected = by_key(key, &world.gitlab.rows(table).expect("GitLab's rows"));
        assert!(actual == expected, "{table} differs");
    }
    let (status, answer) = call(&connector, &json!({"state": state, "secrets": {"auth_token": TOKEN}}));
    assert_eq!((status, &answer["hasMore"]), (200, &json!(false)), "{answer:#}");
    assert_eq!((&answer["insert"], &answer["delete"]), (&json!({}), &json!({})));
}

#[test]
#[ignore = "slow: scripts/test --slow"]
fn rows_of_a_sync_under_way_come_with_a_later_call() {
    let world = World::new("fivetran_running", &["--seed", "76"]);
    let connector = connector(&world);
    // Slow enough to be met in the middle.
    world.gitlab.faults(&json!({"latency_ms": 100})).expect("faults");
    let url = connector.url.clone();
    let running = std::thread::spawn(move || http::post(&url, Some(TOKEN), &json!({})));
    let notes = format!("SELECT COUNT(*) FROM {}.mr_notes", world.raw);
    while warehouse().number(&notes).unwrap_or(0) == 0 {
        assert!(!running.is_finished(), "the sync ended before it was met");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ask = |state: &Value| json!({"state": state, "secrets": {"auth_token": TOKEN}});
    let (status, early) = call(&connector, &ask(&json!({})));
    assert!(!running.is_finished(), "the sync ended before it was met");
    assert_eq!((status, &early["hasMore"]), (200, &json!(false)), "{early:#}");
    assert_eq!(
        early["insert"],
        json!({}),
        "rows that may still move are not handed over"
    );
    world.gitlab.faults(&json!({})).expect("no faults");
    let (status, answer) = running.join().expect("the caller").expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    let (status, late) = call(&connector, &ask(&early["state"]));
    assert_eq!((status, &late["hasMore"]), (200, &json!(false)), "{late:#}");
    for table in TABLES {
        let key = &late["schema"][table]["primary_key"];
        let actual = by_key(key, late["insert"][table].as_array().expect("rows"));
        let expected = by_key(key, &world.gitlab.rows(table).expect("GitLab's rows"));
        assert!(actual == expected, "{table} differs");
    }
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
        let folder = Folder::new(&configuration, Runner::StandIn);
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
    let folder = Folder::new(&json!({"function_url": url, "auth_token": TOKEN}), Runner::StandIn);
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
    let folder = Folder::new(&json!({"function_url": url, "auth_token": TOKEN}), Runner::StandIn);
    let (ok, output) = folder.sync();
    assert!(!ok && output.contains("GitLab refuses the token"), "{output}");
    assert_eq!(
        asked.join().expect("the requests").len(),
        1,
        "asking again would not help"
    );
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
