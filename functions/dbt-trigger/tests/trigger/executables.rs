//! `DBT_EXECUTABLE`: a dbt that is one program and no Python (`tests/other_dbt`). What it leaves here is all that `docs/dbt.md`
//! says is needed.

use serde_json::{Value, json};

use crate::support::{Answer, Project, Trigger};

const OTHER_DBT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/other_dbt/dbt");

/// A function for a project whose dbt leaves these files and ends with `code`.
fn start(leaves: &[(&str, &Value)], code: u8) -> Trigger {
    let project = Project::new(&json!({}));
    std::fs::create_dir(project.path("project").join("leaves")).expect("made");
    for (name, content) in leaves {
        project.write(&format!("leaves/{name}"), &content.to_string());
    }
    project.write("ends", &code.to_string());
    project.start(&[
        ("DBT_RUNNER", "cli"),
        ("DBT_EXECUTABLE", OTHER_DBT),
        ("DBT_PYTHON", "/nowhere/python"),
    ])
}

fn results(status: &str) -> Value {
    json!({"metadata": {"dbt_version": "2.0.0"}, "results": [
        {"unique_id": "model.p.a", "status": "success"},
        {"unique_id": "test.p.t", "status": status, "message": "3 rows"},
    ]})
}

fn manifest() -> Value {
    json!({"nodes": {"test.p.t": {"depends_on": {"nodes": ["model.p.a"]}, "config": {"severity": "WARN"}, "compiled_path": "t.sql"}}})
}

#[track_caller]
fn assert_fails_with(answer: &Answer, words: &[&str]) {
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (500, &json!("dbt_failed")),
        "{answer:?}"
    );
    let message = answer.body["message"].as_str().unwrap_or_default();
    for word in words {
        assert!(message.contains(word), "{word} is missing in: {message}");
    }
}

#[test]
fn any_dbt_is_run_and_judged_by_what_it_leaves() {
    let trigger = start(
        &[("run_results.json", &results("warn")), ("manifest.json", &manifest())],
        0,
    );
    let answer = trigger.run();
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("warning")),
        "{answer:?}"
    );
    assert_eq!(answer.body["dbt_version"], json!("2.0.0"));
    let test = &answer.body["nodes"][1];
    assert_eq!((&test["name"], &test["message"]), (&json!("t"), &json!("3 rows")));
    let calls = std::fs::read_to_string(trigger.project().path("logs/calls")).expect("it was called");
    assert!(calls.starts_with("build --project-dir "), "{calls}");
    assert!(!trigger.log().contains("without their parents"), "{}", trigger.log());
}

#[test]
fn its_failures_are_named_with_their_nodes() {
    let trigger = start(&[("run_results.json", &results("error"))], 1);
    assert_fails_with(&trigger.run(), &["test t", "3 rows"]);
    // The manifest only adds to that.
    assert!(trigger.log().contains("without their parents"), "{}", trigger.log());
}

#[test]
fn one_that_leaves_no_results_has_not_done_well() {
    let trigger = start(&[("manifest.json", &manifest())], 0);
    assert_fails_with(&trigger.run(), &["run_results.json", "exit code 0", "DBT_EXECUTABLE"]);
    let project = trigger.project();
    project.write("ends", "2");
    project.write("says", "error: no such adapter\n");
    assert_fails_with(&trigger.run(), &["no such adapter"]);
}

#[test]
fn results_of_another_shape_are_named() {
    let trigger = start(&[("run_results.json", &json!({"metadata": {}, "outcomes": []}))], 0);
    assert_fails_with(&trigger.run(), &["run_results.json", "results", "docs/dbt.md"]);
}

#[test]
fn a_missing_executable_and_one_for_the_worker_are_refused() {
    let nowhere = [("DBT_RUNNER", "cli"), ("DBT_EXECUTABLE", "/nowhere/dbt")];
    assert_fails_with(
        &Trigger::start(&json!({}), &nowhere).run(),
        &["/nowhere/dbt", "DBT_EXECUTABLE"],
    );
    let project = Project::new(&json!({}));
    let mut command = project.command(&[("DBT_EXECUTABLE", OTHER_DBT)]);
    let output = command.output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("DBT_EXECUTABLE needs DBT_RUNNER=cli"), "{message}");
}
