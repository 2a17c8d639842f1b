//! What a caller can have dbt do, and what it can't.

use serde_json::{Value, json};

use crate::support::{Trigger, eventually, one_model};

fn args(trigger: &Trigger, command: &str) -> Vec<String> {
    let calls = trigger.calls(command);
    let args = calls.last().expect("it ran")["args"].as_array().expect("args").clone();
    args.iter().map(|arg| arg.as_str().expect("text").to_owned()).collect()
}

fn order(trigger: &Trigger, order: &Value) -> Value {
    let answer = trigger.ask("POST", "/", &order.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn each_action_is_a_command_of_dbt() {
    let mut plan = one_model();
    plan["sources"] = json!([{"id": "source.p.raw.a", "status": "pass"}, {"id": "source.p.raw.b", "status": "error"}]);
    for kind in ["worker", "cli"] {
        let trigger = Trigger::start(&plan, &[("DBT_RUNNER", kind)]);
        assert_eq!(order(&trigger, &json!({"action": "test"}))["action"], "test");
        assert_eq!(args(&trigger, "test")[0], "test");
        assert_eq!(order(&trigger, &json!({"action": "docs"}))["action"], "docs");
        assert_eq!(args(&trigger, "docs")[..2], ["docs", "generate"]);
        // A source that is too old is told, and no failure of ours.
        let body = order(&trigger, &json!({"action": "freshness"}));
        assert_eq!(
            (&body["status"], &body["counts"]["fail"]),
            (&json!("warning"), &json!(1))
        );
        assert_eq!(body["nodes"][1]["message"], "the newest row is of 2026-01-01T00:00:00Z");
    }
}

#[test]
fn retry_repeats_what_failed() {
    let failing = json!({"nodes": [
        {"id": "model.p.a", "status": "success"},
        {"id": "model.p.b", "status": "error", "message": "no"},
    ]});
    let trigger = Trigger::start(&failing, &[]);
    let nothing = trigger.ask("POST", "/", r#"{"action":"retry"}"#);
    assert_eq!(nothing.status, 500);
    assert!(
        nothing.body["message"]
            .as_str()
            .is_some_and(|m| m.contains("nothing to retry")),
        "{nothing:?}"
    );
    assert_eq!(trigger.run().status, 500);
    let mended = json!({"nodes": [{"id": "model.p.a", "status": "success"}, {"id": "model.p.b", "status": "success"}]});
    trigger.project().plan(&mended);
    let body = order(&trigger, &json!({"action": "retry"}));
    assert_eq!(
        (&body["counts"]["total"], &body["nodes"][0]["name"]),
        (&json!(1), &json!("b"))
    );
}

#[test]
fn a_selection_reaches_dbt_as_arguments() {
    let trigger = Trigger::start(&one_model(), &[("DBT_TARGETS", "prod")]);
    let body = order(
        &trigger,
        &json!({"select": ["+a", "tag:nightly"], "exclude": "b", "full_refresh": true, "target": "prod", "vars": {"days": 3}}),
    );
    assert_eq!(body["selection"]["select"], json!(["+a", "tag:nightly"]));
    let args = args(&trigger, "build").join(" ");
    assert!(args.contains("--target prod"), "{args}");
    assert!(
        args.ends_with(r#"--select +a tag:nightly --exclude b --full-refresh --vars {"days":3}"#),
        "{args}"
    );
    assert_eq!(trigger.calls("parse").len(), 2, "other variables are another project");
}

#[test]
fn nothing_in_a_request_can_choose_a_command() {
    let trigger = Trigger::start(&one_model(), &[]);
    for body in [
        json!({"action": "run-operation"}),
        json!({"select": "a --profiles-dir /tmp"}),
        json!({"select": "$(id)"}),
        json!({"exclude": ["a", "-x"]}),
        json!({"target": "prod"}),
        json!({"vars": {"a": "'; drop table x"}}),
    ] {
        let answer = trigger.ask("POST", "/", &body.to_string());
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    assert_eq!(trigger.calls("build").len(), 0);
}

#[test]
fn only_what_changed_is_built_if_asked() {
    let trigger = Trigger::start(&one_model(), &[("BUILD_SCOPE", "changed")]);
    let changed = |tables: Value| order(&trigger, &json!({"sync_info": {"changed_tables": tables}}));
    assert_eq!(
        changed(json!(["mr_notes"]))["changed_tables"],
        Value::Null,
        "all comes first"
    );
    assert!(!args(&trigger, "build").contains(&"--select".to_owned()));
    assert_eq!(
        changed(json!(["mr_notes", "users"]))["changed_tables"],
        json!(["mr_notes", "users"])
    );
    let args = args(&trigger, "build").join(" ");
    assert!(
        args.ends_with("--select source:*.mr_notes+ source:*.users+ --exclude tag:nightly"),
        "{args}"
    );
    let nothing = changed(json!([]));
    assert_eq!(
        (&nothing["status"], &nothing["counts"]["total"]),
        (&json!("success"), &json!(0))
    );
    assert_eq!(trigger.calls("build").len(), 2, "nothing changed");
}

#[test]
fn a_live_run_builds_only_what_leads_to_live_models() {
    let trigger = Trigger::start(&one_model(), &[("BUILD_SCOPE", "changed")]);
    let live = json!({"live": true, "sync_info": {"changed_tables": ["mr_notes"]}});
    assert_eq!(order(&trigger, &live)["changed_tables"], json!(["mr_notes"]));
    let said = args(&trigger, "build").join(" ");
    let wanted = "--select source:*.mr_notes+,+tag:live --exclude-resource-type test --exclude-resource-type unit_test";
    assert!(said.ends_with(wanted), "{said}");
    for wrong in [
        json!({"live": true}),
        json!({"live": "yes", "sync_info": {"changed_tables": ["mr_notes"]}}),
        json!({"live": true, "select": "a", "sync_info": {"changed_tables": ["mr_notes"]}}),
        json!({"live": true, "action": "test", "sync_info": {"changed_tables": ["mr_notes"]}}),
    ] {
        let answer = trigger.ask("POST", "/", &wrong.to_string());
        assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
    }
}

#[test]
fn a_failing_node_shows_its_compiled_sql_and_a_test_its_rows() {
    let plan = json!({"nodes": [
        {"id": "model.p.a", "status": "success"},
        {"id": "test.p.t.0123456789", "status": "fail", "message": "Got 2 results", "failures": 2, "after": ["model.p.a"]},
    ]});
    let trigger = Trigger::start(&plan, &[("LOG_FORMAT", "json")]);
    let body = order(&trigger, &json!({}));
    assert_eq!(body["status"], "warning");
    let node = &body["nodes"][1];
    assert_eq!(node["failures"], 2);
    assert_eq!(node["severity"], "error");
    assert_eq!(node["after"], json!(["model.p.a"]));
    assert_eq!(node["compiled_path"], "target/compiled/test.p.t.0123456789.sql");
}

#[test]
fn each_node_is_a_log_line_under_the_callers_trace() {
    let plan = json!({"nodes": [
        {"id": "model.p.a", "status": "error", "message": "Syntax error at [3:7]"},
        {"id": "test.p.t", "status": "fail", "failures": 3},
    ]});
    let trigger = Trigger::start(
        &plan,
        &[
            ("LOG_FORMAT", "json"),
            ("PROJECT_ID", "my-project"),
            ("RUN_HISTORY", "false"),
        ],
    );
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let bearer = format!("Bearer {}", crate::support::TOKEN);
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    trigger.send(
        "POST",
        "/",
        &[("Authorization", &bearer), ("traceparent", &traceparent)],
        "{}",
    );
    let log = eventually("all is logged", || {
        let log = trigger.log();
        log.contains("dbt run ended").then_some(log)
    });
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |node: &str| lines.iter().find(|line| line["node"] == node).expect("a line for it");
    let line = of("test.p.t");
    assert_eq!(
        (&line["severity"], &line["testSeverity"], &line["failures"]),
        (&json!("WARNING"), &json!("error"), &json!(3))
    );
    let line = of("model.p.a");
    assert_eq!(
        (&line["severity"], &line["testSeverity"]),
        (&json!("ERROR"), &Value::Null)
    );
    assert_eq!(line["status"], "error");
    assert_eq!(line["detail"], "Syntax error at [3:7]");
    assert_eq!(line["compiled"], "target/compiled/model.p.a.sql");
    assert_eq!(
        line["logging.googleapis.com/trace"],
        format!("projects/my-project/traces/{trace}")
    );
}
