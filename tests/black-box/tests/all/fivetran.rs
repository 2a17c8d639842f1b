//! Fivetran gets what GitLab has, with calls as its own connector for functions makes them.

use std::collections::BTreeMap;
use std::time::Duration;

use black_box::fivetran::by_key;
use black_box::{TABLES, World};
use local_stack::{Connector, http};
use serde_json::{Value, json};

const TOKEN: &str = "fivetran-3b9d41f7";

/// A connector that asks for [`TOKEN`].
fn connector(world: &World) -> Connector {
    world.connector(&[("AUTH_TOKEN", TOKEN)])
}

fn call(connector: &Connector, body: &Value) -> http::Answer {
    http::post(&format!("{}/fivetran", connector.url), None, body).expect("an answer")
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
#[ignore = "slow (a sync is held for 20 s): scripts/test --slow; pages of one answer are in the quick run"]
fn rows_of_a_sync_under_way_come_with_a_later_call() {
    let world = World::new("fivetran_running", &["--seed", "76"]);
    let connector = connector(&world);
    let url = connector.url.clone();
    let begin = move || http::post(&url, Some(TOKEN), &json!({}));
    let running = world.held_at_issues(Duration::from_secs(20), begin);
    world.wait_for_rows("mr_notes", Duration::from_secs(20));
    let ask = |state: &Value| json!({"state": state, "secrets": {"auth_token": TOKEN}});
    let (status, early) = call(&connector, &ask(&json!({})));
    assert!(!running.is_finished(), "the sync ended before it was met");
    assert_eq!((status, &early["hasMore"]), (200, &json!(false)), "{early:#}");
    assert_eq!(
        early["insert"],
        json!({}),
        "rows that may still move are not handed over"
    );
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
