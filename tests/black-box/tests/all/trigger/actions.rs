//! What dbt does for each order.

use serde_json::{Value, json};

use super::{Small, eventually, everything};

/// A node's outcome without what differs from run to run.
pub fn outcomes(answer: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = answer["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| {
            json!([
                node["node"],
                node["type"],
                node["status"],
                node["rows"],
                node["failures"],
                node["severity"],
                node["after"]
            ])
        })
        .collect();
    all.sort_by_key(ToString::to_string);
    all
}

#[test]
#[ignore = "slow (everything is built twice): scripts/test --slow; `trigger::quick` compares one build"]
fn worker_and_command_line_give_identical_results() {
    let small = Small::new("same");
    let [worker, cli] = ["worker", "cli"].map(|kind| {
        let number = if kind == "cli" { 2 } else { 1 };
        let function = small.start(number, &[("DBT_RUNNER", kind)]);
        let built = function.run(&everything());
        assert_eq!(built["status"], "success", "{built:#}");
        let totals = small.query("SELECT name, total FROM {}.totals ORDER BY name");
        let selected = function.run(&json!({"select": "stg_orders", "vars": {"least": 6}}));
        let rows = small.query("SELECT id FROM {}.stg_orders");
        (outcomes(&built), totals, outcomes(&selected), rows)
    });
    assert_eq!(worker, cli);
    assert_eq!(worker.1, [[Some("Ada".to_owned()), Some("12".to_owned())]]);
    assert_eq!(worker.3, [[Some("11".to_owned())]], "the variable had its effect");
    assert_eq!(worker.0.len(), 6, "3 models and 3 tests: {:?}", worker.0);
}

#[test]
#[ignore = "slow (a dbt of its own, by each action): scripts/test --slow; `trigger::quick` has each action once"]
fn each_action_does_what_dbt_does() {
    let small = Small::new("actions");
    let function = small.start(1, &[]);
    assert_eq!(function.run(&everything())["counts"]["success"], 3);
    let tested = function.run(&json!({"action": "test"}));
    assert_eq!(
        (&tested["counts"]["total"], &tested["counts"]["pass"]),
        (&json!(3), &json!(3)),
        "{tested:#}"
    );
    let documented = function.run(&json!({"action": "docs"}));
    let id = documented["run_id"].as_str().expect("an id");
    let names = function.get(&format!("/runs/{id}"))["artifacts"].clone();
    assert_eq!(
        names,
        json!(["run_results.json", "manifest.json", "catalog.json", "index.html"])
    );
    // Customers were loaded just now, orders years ago.
    let fresh = function.run(&json!({"action": "freshness"}));
    assert_eq!(fresh["status"], "warning", "{fresh:#}");
    assert_eq!(
        (&fresh["counts"]["pass"], &fresh["counts"]["fail"]),
        (&json!(1), &json!(1)),
        "{fresh:#}"
    );
}

#[test]
#[ignore = "slow (a dbt of its own, several builds): scripts/test --slow; `retry_repeats_what_failed` uses a stand-in for dbt"]
fn retry_repeats_only_what_failed_and_failures_show_where_the_sql_is() {
    let small = Small::new("retry");
    let function = small.start(1, &[]);
    let sound = std::fs::read_to_string(small.project().join("models/stg_orders.sql")).expect("the model");
    small.write(
        "models/stg_orders.sql",
        &sound.replacen("select", "select no_such_column,", 1),
    );
    let (status, failed) = function.order(&everything());
    assert_eq!(status, 500, "{failed:#}");
    let message = failed["message"].as_str().expect("a message");
    assert!(
        message.contains("stg_orders") && message.contains("no_such_column"),
        "{message}"
    );
    let nodes = failed["details"]["nodes"].as_array().expect("nodes");
    let broken = nodes
        .iter()
        .find(|node| node["name"] == "stg_orders")
        .expect("the node");
    let compiled = broken["compiled_path"].as_str().expect("a path");
    let sql = std::fs::read_to_string(compiled).expect("the file is there");
    assert!(sql.contains("no_such_column"), "{sql}");
    small.write("models/stg_orders.sql", &sound);
    let retried = function.run(&json!({"action": "retry"}));
    let names: Vec<_> = retried["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| node["name"].clone())
        .collect();
    assert!(
        names.contains(&json!("stg_orders")) && names.contains(&json!("totals")),
        "{names:?}"
    );
    assert!(
        !names.contains(&json!("stg_customers")),
        "that had gone well: {names:?}"
    );
}

#[test]
#[ignore = "slow (two instances load dbt): scripts/test --slow; a unit test pins the file of results"]
fn a_retry_repeats_what_another_instance_left() {
    let small = Small::new("retry_elsewhere");
    let sound = std::fs::read_to_string(small.project().join("models/stg_orders.sql")).expect("the model");
    let names = |answer: &Value| -> Vec<String> {
        let nodes = answer["nodes"].as_array().expect("nodes").iter();
        nodes.filter_map(|node| node["name"].as_str().map(Into::into)).collect()
    };
    let first = small.start(1, &[]);
    let (_, nothing) = first.order(&json!({"action": "retry"}));
    let message = nothing["message"].as_str().expect("a message");
    assert!(message.contains("nothing to retry"), "{message}");
    small.write(
        "models/stg_orders.sql",
        &sound.replacen("select", "select no_such_column,", 1),
    );
    let (status, failed) = first.order(&everything());
    assert_eq!(status, 500, "{failed:#}");
    let ended = "SELECT run_id FROM {}._dbt_runs WHERE status = 'error' AND nodes > 0";
    eventually("the run is in the history", || small.query(ended).pop());
    small.write("models/stg_orders.sql", &sound);

    let second = small.start(2, &[]);
    let retried = names(&second.run(&json!({"action": "retry"})));
    assert!(
        ["stg_orders", "totals"]
            .iter()
            .all(|name| retried.contains(&(*name).into())),
        "{retried:?}"
    );
    assert!(
        !retried.contains(&"stg_customers".into()),
        "that had gone well: {retried:?}"
    );
    let mended = "SELECT run_id FROM {}._dbt_runs WHERE action = 'retry' AND status = 'success' AND nodes > 0";
    eventually("the retry is in the history", || small.query(mended).pop());
    // The first one has results of its own, which are not the last any more.
    assert_eq!(names(&first.run(&json!({"action": "retry"}))), [""; 0]);
}

#[test]
#[ignore = "slow (a dbt of its own, several builds): scripts/test --slow; `trigger::quick` has one of them"]
fn only_what_is_downstream_of_changed_tables_is_built() {
    let small = Small::new("scope");
    let function = small.start(1, &[("BUILD_SCOPE", "changed")]);
    let changed = |tables: Value| function.run(&json!({"sync_info": {"changed_tables": tables}}));
    let models = |answer: &Value| -> Vec<Value> {
        let nodes = answer["nodes"].as_array().expect("nodes").iter();
        nodes
            .filter(|node| node["type"] == "model")
            .map(|node| node["name"].clone())
            .collect()
    };
    assert_eq!(models(&changed(json!(["customers"]))).len(), 3, "all comes first");
    assert_eq!(models(&changed(json!(["customers"]))), ["stg_customers", "totals"]);
    assert_eq!(models(&changed(json!(["orders"]))), ["stg_orders", "totals"]);
    assert_eq!(models(&changed(json!(["something_else"]))), [""; 0]);
    assert_eq!(models(&changed(json!([]))), [""; 0]);
    assert_eq!(
        models(&function.run(&everything())).len(),
        3,
        "who does not say gets all"
    );
}

#[test]
#[ignore = "slow (a dbt of its own, several builds): scripts/test --slow; `trigger::quick` has the warning"]
fn a_failing_test_is_a_warning_with_its_rows_and_an_error_if_asked() {
    let small = Small::new("warning");
    small.write("models/bad_total.sql", "select name from {{ ref('totals') }}\n");
    small.write(
        "models/bad.yml",
        "models:\n  - name: bad_total\n    columns:\n      - name: name\n        data_tests: [{accepted_values: {arguments: {values: ['Nobody']}}}]\n",
    );
    let function = small.start(1, &[]);
    let answer = function.run(&everything());
    assert_eq!(
        (&answer["status"], &answer["counts"]["fail"]),
        (&json!("warning"), &json!(1)),
        "{answer:#}"
    );
    let nodes = answer["nodes"].as_array().expect("nodes");
    let failed = nodes.iter().find(|node| node["status"] == "fail").expect("the test");
    assert_eq!(
        (&failed["failures"], &failed["severity"]),
        (&json!(1), &json!("error")),
        "{failed:#}"
    );
    let strict = small.start(2, &[("FAIL_ON_TEST_FAILURE", "true")]);
    let (status, answer) = strict.order(&everything());
    assert_eq!((status, &answer["code"]), (500, &json!("dbt_failed")), "{answer:#}");
}
