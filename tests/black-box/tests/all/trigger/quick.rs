//! A real dbt in one function: the short form of what the other files look at one by one.

use std::time::{Duration, Instant};

use black_box::TRIGGER_TOKEN;
use local_stack::http;
use serde_json::{Value, json};

use super::actions::outcomes;
use super::kills::new_process;
use super::{Function, Small, below, eventually, everything, lives, pid_of, signal, slow_model};

#[test]
fn real_dbt_does_each_action_says_what_failed_and_ends_when_it_is_told_to() {
    let small = Small::new("quick");
    small.write("models/bad.sql", "select name from {{ ref('totals') }}\n");
    small.write(
        "models/bad.yml",
        "models:\n  - name: bad\n    columns:\n      - name: name\n        data_tests: [not_null, {accepted_values: {arguments: {values: [Nobody]}}}]\n",
    );
    let mut function = small.start(
        1,
        &[("BUILD_SCOPE", "changed"), ("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test")],
    );
    it_is_ready_once_dbt_is_loaded(&function);
    let built = function.run(&everything());
    assert!(!function.process.log_text().contains("the worker's shortcuts"));
    a_failing_test_is_a_warning(&small, &built);
    tests_of_a_model_are_one_job_with_an_outcome_each(&function, &built);
    a_view_is_made_again_when_its_statement_changes(&small, &function);
    tests_documentation_and_freshness_are_actions_of_their_own(&function);
    only_what_is_downstream_of_changed_tables_is_built(&function);
    a_failure_names_the_node_and_shows_its_sql(&small, &function);
    the_command_line_gives_the_same(&small, &function);
    slow_model(&small);
    a_cancelled_run_leaves_no_process(&function);
    stopping_ends_the_run_and_the_history_says_so(&small, &mut function);
}

fn it_is_ready_once_dbt_is_loaded(function: &Function) {
    let ready = || http::get(&format!("{}/ready", function.url)).expect("an answer").0;
    assert_eq!(ready(), 503);
    eventually("it is ready", || (ready() == 200).then_some(()));
    let log = function.process.log_text();
    assert!(log.contains("the dbt worker is ready"), "{log}");
    assert!(!log.contains("/ready"), "{log}");
}

fn a_failing_test_is_a_warning(small: &Small, built: &Value) {
    assert_eq!(
        (&built["status"], &built["counts"]["success"], &built["counts"]["fail"]),
        (&json!("warning"), &json!(4), &json!(1)),
        "{built:#}"
    );
    let id = built["run_id"].as_str().expect("an id");
    let sql = format!("SELECT status, name FROM {{}}._dbt_run_nodes WHERE run_id = '{id}' AND failures = 1");
    let rows = eventually("the history has its nodes", || small.query(&sql).first().cloned());
    assert_eq!(rows[0].as_deref(), Some("fail"), "{rows:?}");
}

fn tests_of_a_model_are_one_job_with_an_outcome_each(function: &Function, built: &Value) {
    let results = results(function, built);
    let of = |model: &str| -> Vec<(&Value, &Value)> {
        let tests = results.iter().filter(|result| {
            result["unique_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("test.") && id.contains(model))
        });
        tests
            .map(|test| (&test["adapter_response"]["job_id"], &test["failures"]))
            .collect()
    };
    let (bad, orders) = (of("_bad_"), of("_stg_orders_"));
    assert_eq!((bad.len(), orders.len()), (2, 2), "{results:#?}");
    assert!(
        bad[0].0.is_string() && bad[0].0 == bad[1].0 && orders[0].0 == orders[1].0,
        "{bad:?} {orders:?}"
    );
    assert_ne!(bad[0].0, orders[0].0);
    let failing = bad.iter().filter(|(_, failures)| **failures != json!(0)).count();
    assert_eq!(failing, 1, "{bad:?}");
}

fn a_view_is_made_again_when_its_statement_changes(small: &Small, function: &Function) {
    let message = || {
        let built = function.run(&json!({"select": "stg_customers"}));
        results(function, &built)[0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(message(), "CREATE VIEW (unchanged)");
    let file = "models/stg_customers.sql";
    let first = std::fs::read_to_string(small.project().join(file)).expect("the model");
    small.write(
        file,
        &first.replace("select id, name", "select id, upper(name) as name"),
    );
    assert_ne!(message(), "CREATE VIEW (unchanged)");
    let names = small.query("SELECT name FROM {}.stg_customers WHERE name != UPPER(name)");
    assert!(names.is_empty(), "{names:?}");
    small.write(file, &first);
    assert_ne!(message(), "CREATE VIEW (unchanged)");
}

/// What dbt wrote of each node of a run.
fn results(function: &Function, built: &Value) -> Vec<Value> {
    let id = built["run_id"].as_str().expect("an id");
    let results = function.get(&format!("/runs/{id}/artifacts/run_results.json"));
    results["results"].as_array().expect("results").clone()
}

fn tests_documentation_and_freshness_are_actions_of_their_own(function: &Function) {
    let tested = function.run(&json!({"action": "test", "select": "stg_orders"}));
    assert_eq!(tested["counts"]["pass"], json!(2), "{tested:#}");
    assert_eq!(tested["counts"]["total"], json!(2), "{tested:#}");
    let documented = function.run(&json!({"action": "docs"}));
    let id = documented["run_id"].as_str().expect("an id");
    let names = function.get(&format!("/runs/{id}"))["artifacts"].to_string();
    assert!(
        names.contains("catalog.json") && names.contains("index.html"),
        "{names}"
    );
    let fresh = function.run(&json!({"action": "freshness"}));
    let counts = &fresh["counts"];
    assert_eq!((&counts["pass"], &counts["fail"]), (&json!(1), &json!(1)), "{fresh:#}");
}

fn only_what_is_downstream_of_changed_tables_is_built(function: &Function) {
    let built = function.run(&json!({"sync_info": {"changed_tables": ["orders"]}}));
    assert_eq!(names(&built, "model"), ["bad", "stg_orders", "totals"], "{built:#}");
}

fn a_failure_names_the_node_and_shows_its_sql(small: &Small, function: &Function) {
    let file = "models/stg_orders.sql";
    let sound = std::fs::read_to_string(small.project().join(file)).expect("the model");
    small.write(file, &sound.replacen("select", "select no_such_column,", 1));
    let (status, failed) = function.order(&json!({"select": "stg_orders"}));
    assert_eq!(status, 500, "{failed:#}");
    let message = failed["message"].as_str().expect("a message");
    assert!(
        message.contains("stg_orders") && message.contains("no_such_column"),
        "{message}"
    );
    let compiled = failed["details"]["nodes"][0]["compiled_path"].as_str().expect("a path");
    let sql = std::fs::read_to_string(compiled).expect("the file is there");
    assert!(sql.contains("no_such_column"), "{sql}");
    small.write(file, &sound);
}

fn the_command_line_gives_the_same(small: &Small, function: &Function) {
    let cli = small.start(2, &[("DBT_RUNNER", "cli"), ("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test")]);
    let order = json!({"select": "+totals"});
    let [mut worker, mut cli] = [function, &cli].map(|function| {
        let answer = function.run(&order);
        let id = answer["run_id"].as_str().expect("an id");
        let manifest = function.get(&format!("/runs/{id}/artifacts/manifest.json"));
        (outcomes(&answer), manifest)
    });
    for (_, manifest) in [&mut worker, &mut cli] {
        let macros = manifest["macros"].as_object().map_or(0, serde_json::Map::len);
        assert!(macros > 100, "{macros} macros");
        forget_when(manifest);
    }
    assert_eq!(worker.0, cli.0);
    let keys = worker.1.as_object().expect("a manifest").keys();
    let other: Vec<_> = keys.filter(|key| worker.1[*key] != cli.1[*key]).collect();
    assert!(other.is_empty(), "the manifests differ in {other:?}");
    assert_eq!(worker.1, cli.1);
}

/// Takes out of a manifest what tells the time, the invocation or the folder of its run.
fn forget_when(manifest: &mut Value) {
    for name in [
        "generated_at",
        "invocation_id",
        "invocation_started_at",
        "run_started_at",
    ] {
        if let Some(metadata) = manifest["metadata"].as_object_mut() {
            metadata.remove(name);
        }
    }
    for kind in ["nodes", "macros", "sources", "docs"] {
        for node in manifest[kind]
            .as_object_mut()
            .into_iter()
            .flat_map(|nodes| nodes.values_mut())
        {
            for name in ["created_at", "compiled_path", "build_path"] {
                if let Some(node) = node.as_object_mut() {
                    node.remove(name);
                }
            }
        }
    }
}

fn a_cancelled_run_leaves_no_process(function: &Function) {
    let (run, processes) = begin_slow(function);
    let begun = Instant::now();
    let url = format!("{}/runs/{run}/cancel", function.url);
    let (status, answer) = http::post(&url, Some(TRIGGER_TOKEN), &json!({})).expect("an answer");
    assert_eq!(status, 202, "{answer:#}");
    let told = function.wait_for(&run, &["cancelled"]);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}: {told:#}",
        begun.elapsed()
    );
    assert!(!processes.into_iter().any(lives), "the run's processes are gone");
}

fn stopping_ends_the_run_and_the_history_says_so(small: &Small, function: &mut Function) {
    begin_slow(function);
    let trigger = pid_of(function);
    let processes = below(trigger);
    let begun = Instant::now();
    signal("TERM", trigger);
    let status = function.process.wait().expect("it ends");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(status.success(), "{status}");
    assert!(!processes.into_iter().any(lives), "all its processes are gone");
    let mut rows = small.query("SELECT status FROM {}._dbt_runs WHERE 'slow' IN UNNEST(selectors)");
    rows.sort();
    assert_eq!(
        rows.concat(),
        [Some("cancelled".to_owned()), Some("stopped".to_owned())]
    );
}

/// Begins a run of a model that takes long; its id and its processes.
fn begin_slow(function: &Function) -> (String, Vec<u32>) {
    let trigger = pid_of(function);
    let idle = below(trigger);
    let run = function.begin(&json!({"select": "slow"}));
    new_process(trigger, &idle);
    std::thread::sleep(Duration::from_millis(500));
    let processes = below(trigger).into_iter().filter(|pid| !idle.contains(pid));
    (run, processes.collect())
}

fn names(answer: &Value, kind: &str) -> Vec<String> {
    let nodes = answer["nodes"].as_array().expect("nodes").iter();
    let names = nodes
        .filter(|node| node["type"] == kind)
        .map(|node| node["name"].as_str());
    let mut names: Vec<_> = names.flatten().map(str::to_owned).collect();
    names.sort();
    names
}
