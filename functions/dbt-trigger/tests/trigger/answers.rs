//! What callers are told.

use serde_json::{Value, json};

use crate::support::{Project, TOKEN, Trigger, one_model};

#[test]
fn a_run_is_answered_with_every_node() {
    let trigger = Trigger::start(&one_model(), &[]);
    let first = trigger.run();
    assert_eq!(first.status, 200, "{first:?}");
    let mut body = first.body;
    let run_id = body["run_id"].take();
    assert!(run_id.as_str().is_some_and(|id| id.len() == 36), "{run_id}");
    assert!(body["started_at"].take().as_str().is_some_and(|at| at.ends_with('Z')));
    assert!(body["elapsed_s"].take().as_f64().is_some_and(|s| s > 0.0));
    assert_eq!(
        body,
        json!({
            "status": "success", "run_id": null, "action": "run_dbt", "source": "test", "started_at": null, "dbt_version": "1.12.6", "elapsed_s": null,
            "counts": {"total": 1, "success": 1, "pass": 0, "warn": 0, "fail": 0, "error": 0, "skipped": 0},
            "nodes": [{"node": "model.p.a", "name": "a", "type": "model", "status": "success", "elapsed_s": 0.01, "rows": 3, "message": "CREATE TABLE"}],
        })
    );
    let second = trigger.run();
    assert_ne!(second.body["run_id"], run_id);
    assert_eq!((trigger.calls("parse").len(), trigger.calls("build").len()), (1, 2));
    let written: Vec<_> = std::fs::read_dir(trigger.project().path("project"))
        .expect("there")
        .collect();
    assert_eq!(written.len(), 2, "dbt wrote into the project: {written:?}");
    assert!(trigger.log().contains("model a: success"), "{}", trigger.log());
}

#[test]
fn dbt_gets_the_defaults_but_no_token() {
    let trigger = Trigger::start(
        &one_model(),
        &[
            ("AUTH_TOKEN_PREVIOUS", "older-one-5f0c2d"),
            ("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1"),
            ("MINE", "x"),
            ("SOMEBODY_ELSES_TOKEN", "not-for-dbt"),
            ("DBT_ENV_ALLOW", "FAKE_*,MINE"),
        ],
    );
    assert_eq!(trigger.run().status, 200);
    let environment = &trigger.calls("build")[0]["environment"];
    for (name, value) in [
        ("PROJECT_ID", "mergemind-local"),
        ("BQ_DATASET_RAW", "mergemind_raw"),
        ("BQ_DATASET_MODELED", "mergemind"),
        ("DBT_SEND_ANONYMOUS_USAGE_STATS", "false"),
        ("MINE", "x"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    for kept in ["older-one-5f0c2d", "not-for-dbt", "SOMEBODY_ELSES_TOKEN"] {
        assert!(!environment.to_string().contains(kept), "{kept}");
    }
    assert!(!environment.to_string().contains(TOKEN));
}

#[test]
fn only_callers_with_a_token_are_served() {
    let trigger = Trigger::start(&one_model(), &[("AUTH_TOKEN_PREVIOUS", "older-one-5f0c2d")]);
    for token in [None, Some("wrong"), Some("")] {
        // Even what can't be parsed: nothing is said about the body before the token is known.
        let answer = trigger.call("POST", token, "{");
        assert_eq!((answer.status, &answer.body["code"]), (401, &json!("unauthorized")));
    }
    for (body, code) in [
        ("{", "invalid_json"),
        (r#"{"action":7}"#, "invalid_json"),
        (r#"{"action":"drop"}"#, "unknown_action"),
    ] {
        let answer = trigger.call("POST", Some(TOKEN), body);
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!(code)), "{body}");
    }
    let about = trigger.call("GET", None, "");
    assert_eq!((about.status, &about.body["service"]), (200, &json!("dbt-trigger")));
    assert_eq!(trigger.calls("build").len(), 0, "something ran");
    assert_eq!(trigger.call("POST", Some("older-one-5f0c2d"), "{}").status, 200);
}

#[test]
fn a_failing_node_is_named_with_dbts_message() {
    let trigger = Trigger::start(
        &json!({"nodes": [
            {"id": "model.p.a", "status": "error", "message": "Syntax error at [3:7]"},
            {"id": "model.p.b", "status": "skipped"},
        ]}),
        &[],
    );
    let answer = trigger.run();
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("dbt_failed")));
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("model a: Syntax error at [3:7]"), "{message}");
    assert_eq!(answer.body["details"]["counts"]["skipped"], 1);
    assert_eq!(answer.body["details"]["nodes"][0]["name"], "a");
}

fn with_a_failing_test(variables: &[(&str, &str)]) -> (u16, Value) {
    let plan = json!({"nodes": [
        {"id": "model.p.a", "status": "success"},
        {"id": "test.p.unique_a_id.0123456789", "status": "fail", "message": "Got 2 results"},
    ]});
    let answer = Trigger::start(&plan, variables).run();
    (answer.status, answer.body)
}

#[test]
fn a_failing_test_is_a_warning() {
    let (status, body) = with_a_failing_test(&[]);
    assert_eq!((status, &body["status"]), (200, &json!("warning")));
    assert_eq!(body["counts"]["fail"], 1);
}

#[test]
fn a_failing_test_is_an_error_if_asked() {
    let (status, body) = with_a_failing_test(&[("FAIL_ON_TEST_FAILURE", "true")]);
    assert_eq!((status, &body["code"]), (500, &json!("dbt_failed")));
    let message = body["message"].as_str().unwrap_or_default();
    assert!(message.contains("unique_a_id: Got 2 results"), "{message}");
}

#[test]
fn what_dbt_says_when_it_cannot_run_is_passed_on() {
    for kind in ["worker", "cli"] {
        let trigger = Trigger::start(
            &json!({"nodes": [], "parse_error": "no such macro 'x'"}),
            &[("DBT_RUNNER", kind)],
        );
        let answer = trigger.run();
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (500, &json!("dbt_failed")),
            "{kind}"
        );
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(message.contains("no such macro 'x'"), "{kind}: {message}");
        trigger.project().plan(&one_model());
        assert_eq!(trigger.run().status, 200, "{kind}: the project was mended");
    }
}

#[test]
fn results_of_an_earlier_run_are_never_reported() {
    let trigger = Trigger::start(&one_model(), &[]);
    assert_eq!(trigger.run().status, 200);
    trigger.project().plan(&json!({"nodes": [], "crash": "no credentials"}));
    let answer = trigger.run();
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body["details"]["counts"]["total"], 0);
}

#[test]
fn packages_are_installed_when_they_change() {
    let trigger = Trigger::start(&one_model(), &[]);
    let deps = || {
        assert_eq!(trigger.run().status, 200);
        trigger.calls("deps").len()
    };
    assert_eq!(deps(), 0, "the project has no packages");
    trigger.project().write("packages.yml", "packages: []");
    assert_eq!(deps(), 1);
    assert_eq!(deps(), 1, "nothing changed");
    trigger.project().write("package-lock.yml", "packages: [1]");
    assert_eq!(deps(), 2);
    trigger.project().write("packages.yml", "packages: [1]");
    trigger
        .project()
        .plan(&json!({"nodes": [], "deps_error": "no such package"}));
    let answer = trigger.run();
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("no such package"), "{message}");
}

#[test]
fn a_burst_of_callers_costs_two_runs() {
    let mut plan = one_model();
    plan["seconds"] = json!(1);
    let trigger = Trigger::start(&plan, &[]);
    let callers: Vec<_> = (0..50).map(|_| trigger.run_later()).collect();
    for caller in callers {
        let answer = caller.join().expect("an answer");
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("success")));
    }
    let builds = trigger.calls("build").len();
    assert!((1..=2).contains(&builds), "{builds} runs");
}

#[test]
fn a_project_with_odd_links_is_watched() {
    let project = Project::new(&one_model());
    let path = project.path("project");
    for (target, name) in [(".", "circle"), ("/nowhere", "broken")] {
        std::os::unix::fs::symlink(target, path.join(name)).expect("linked");
    }
    let trigger = project.start(&[]);
    assert_eq!(trigger.run().status, 200);
    assert_eq!(trigger.run().status, 200);
    assert_eq!(trigger.calls("parse").len(), 1, "nothing had changed");
    trigger.project().write("new.sql", "select 1");
    assert_eq!(trigger.run().status, 200);
    assert_eq!(trigger.calls("parse").len(), 2, "the new file was not seen");
}
