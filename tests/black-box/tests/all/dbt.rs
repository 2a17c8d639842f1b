//! From GitLab to the marts, through both functions and a real dbt.

use std::time::{Duration, Instant};

use black_box::{TRIGGER_TOKEN, World, warehouse};
use local_stack::{Connector, Trigger, http, root};
use serde_json::{Value, json};

/// How long documentation and report may take after a build.
const LONGEST: Duration = Duration::from_secs(180);

fn connector(world: &World, trigger: &Trigger) -> Connector {
    world.connector(&[
        ("DBT_TRIGGER_URL", &trigger.url),
        ("DBT_TRIGGER_AUTH_TOKEN", TRIGGER_TOKEN),
    ])
}

fn marts(world: &World) -> i64 {
    warehouse()
        .number(&format!("SELECT COUNT(*) FROM {}.dim_merge_requests", world.modelled))
        .expect("the mart")
}

#[test]
#[ignore = "slow (all models are built more than once): scripts/test --slow; a webhook reaches a mart in the quick run; the models are analysed and unit-tested on GoogleSQL"]
fn a_sync_ends_in_tested_marts_and_a_change_reaches_them() {
    let world = World::new("marts", &["--seed", "21"]);
    let trigger = world.reporting_trigger();
    let page = |path: &str| http::get_page(&format!("{}{path}", trigger.url), TRIGGER_TOKEN).expect("an answer");
    assert_eq!((page("/report").0, page("/docs").0), (404, 404));
    let connector = connector(&world, &trigger);
    let answer = world.sync(&connector);
    let dbt = &answer["dbt"];
    assert_eq!(dbt["status"], "success", "{dbt:#}");
    assert!(
        dbt["counts"]["success"].as_u64() > Some(5) && dbt["counts"]["pass"].as_u64() > Some(5),
        "{dbt:#}"
    );
    let expected = world.gitlab.rows("merge_requests").expect("rows").len() as i64;
    assert_eq!(marts(&world), expected);

    // They are made after a build of everything.
    let begun = Instant::now();
    while page("/docs").0 == 404 || page("/report").0 == 404 {
        assert!(begun.elapsed() < LONGEST, "no report in {}", trigger.process.log_text());
        std::thread::sleep(Duration::from_secs(1));
    }
    let (status, report) = page("/report");
    let told = format!("{expected} merge requests in");
    assert!(
        status == 200 && report.contains(&told),
        "{status}: no '{told}' in {report}"
    );
    let (status, docs) = page("/docs");
    assert!(status == 200 && docs.contains("dim_merge_requests"), "{status}");

    // What an older project left behind: rows that other rules made.
    let stale = format!("{}.dim_merge_requests", world.modelled);
    let sql = format!("UPDATE {stale} SET rules_version = '0', comments_count = -1 WHERE TRUE");
    warehouse().query(&sql).expect("older rows");

    let change = world.gitlab.change(&json!({"kind": "merge"})).expect("a change");
    let id = change["merge_request_id"].as_i64().expect("an id");
    let state = || {
        let sql = format!(
            "SELECT state FROM {}.dim_merge_requests WHERE merge_request_id = {id}",
            world.modelled
        );
        warehouse().query(&sql).expect("the mart")[0][0].clone()
    };
    assert_eq!(state().as_deref(), Some("opened"));
    world.sync(&connector);
    assert_eq!(state().as_deref(), Some("merged"));
    assert_eq!(marts(&world), expected);
    let sql = format!("SELECT COUNT(*) FROM {stale} WHERE comments_count < 0");
    assert_eq!(warehouse().number(&sql).expect("the mart"), 0, "{sql}");
}

#[test]
#[ignore = "slow (all models are built three times): scripts/test --slow; `trigger::quick` breaks a model of a small project"]
fn broken_sql_is_named_and_loses_nothing() {
    let world = World::new("broken_sql", &["--seed", "22"]);
    let models = world.copy_of_models();
    let trigger = world.trigger(&models, false);
    let connector = connector(&world, &trigger);
    world.sync(&connector);
    let before = marts(&world);
    let broken = models.join("models/marts/dim_projects.sql");
    let sound = std::fs::read_to_string(&broken).expect("the model");
    std::fs::write(&broken, sound.replacen("select", "select no_such_column,", 1)).expect("a broken model");
    world
        .gitlab
        .change(&json!({"kind": "open_merge_request"}))
        .expect("a change");

    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!((status, &answer["code"]), (502, &json!("dbt_failed")), "{answer:#}");
    let said = answer["message"].as_str().expect("a message");
    assert!(
        said.contains("dim_projects") && said.contains("no_such_column"),
        "{said}"
    );
    world.assert_equal();

    std::fs::write(&broken, sound).expect("the model again");
    world.sync(&connector);
    assert_eq!(marts(&world), before + 1);
}

#[test]
fn the_trigger_lets_in_only_who_belongs_and_does_only_what_it_knows() {
    let world = World::new("trigger_door", &["--merge-requests", "20"]);
    let trigger = world.trigger(&root().join("models"), false);
    let order = json!({"source": "test", "action": "run_dbt", "sync_info": {}});
    for token in [None, Some("black-box-7d0e2c54"), Some("")] {
        let (status, answer) = http::post(&trigger.url, token, &order).expect("an answer");
        assert_eq!((status, &answer["code"]), (401, &json!("unauthorized")), "{answer:#}");
    }
    let refused = |body: &str| -> Value {
        let (status, answer) = http::post_text(&trigger.url, Some(TRIGGER_TOKEN), body).expect("an answer");
        assert_eq!(status, 400, "{answer:#}");
        answer["code"].clone()
    };
    assert_eq!(refused("{nope"), "invalid_json");
    assert_eq!(
        refused(r#"{"source":"test","action":"drop_everything"}"#),
        "unknown_action"
    );
    let (status, answer) = http::get(&trigger.url).expect("an answer");
    assert_eq!((status, &answer["service"]), (200, &json!("dbt-trigger")), "{answer:#}");
    assert!(!trigger.process.log_text().contains(TRIGGER_TOKEN));
}
