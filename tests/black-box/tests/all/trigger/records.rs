//! The history in BigQuery.

use black_box::TRIGGER_TOKEN;
use serde_json::json;

use super::{Small, eventually, everything, raw_request};

#[test]
#[ignore = "slow (a dbt of its own, several runs): scripts/test --slow; `trigger::quick` looks at the history after its stop"]
fn every_run_is_in_the_history_with_its_nodes() {
    let small = Small::new("history");
    let function = small.start(1, &[]);
    let built = function.run(&everything());
    let tested = function.run(&json!({"action": "test", "select": "stg_orders", "source": "ci"}));
    let of = |answer: &serde_json::Value| answer["run_id"].as_str().expect("an id").to_owned();
    let row = |id: &str| {
        let sql = format!(
            "SELECT status, action, source, CAST(nodes AS STRING), CAST(failed AS STRING), selectors[SAFE_OFFSET(1)], dbt_version, \
             CAST(ended_at >= started_at AND started_at >= queued_at AS STRING) FROM {{}}._dbt_runs WHERE run_id = '{id}' AND status != 'running'"
        );
        eventually("the run is in the history", || small.query(&sql).first().cloned())
    };
    let text = |text: &str| Some(text.to_owned());
    let dbt = built["dbt_version"].as_str().map(str::to_owned);
    assert!(
        dbt.as_deref().is_some_and(|version| version.starts_with("1.")),
        "{dbt:?}"
    );
    assert_eq!(
        row(&of(&built)),
        [
            text("success"),
            text("run_dbt"),
            text("test"),
            text("6"),
            text("0"),
            None,
            dbt.clone(),
            text("true")
        ]
    );
    assert_eq!(
        row(&of(&tested)),
        [
            text("success"),
            text("test"),
            text("ci"),
            text("2"),
            text("0"),
            text("stg_orders"),
            dbt,
            text("true")
        ]
    );
    let sql = format!(
        "SELECT name, status FROM {{}}._dbt_run_nodes WHERE run_id = '{}' AND type = 'model' ORDER BY name",
        of(&built)
    );
    let models = small.query(&sql);
    assert_eq!(models.len(), 3, "{models:?}");
    assert!(models.iter().all(|model| model[1] == text("success")), "{models:?}");
    let runs = small.query("SELECT COUNT(*) FROM {}._dbt_runs");
    assert_eq!(runs, [[text("2")]], "a run's beginning and end are one row");
    // Another instance tells about them, too: all that is known but for whoever came after the first.
    let known = [&built, &tested].map(|answer| function.get(&format!("/runs/{}", of(answer))));
    drop(function);
    let next = small.start(2, &[]);
    let listed = next.get("/runs");
    let ids: Vec<_> = listed["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| run["run_id"].clone())
        .collect();
    assert_eq!(ids, [of(&tested), of(&built)], "{listed:#}");
    for mut known in known {
        let url = known["url"].as_str().expect("a link").to_owned();
        let mut told = next.get(&url);
        assert!(
            told["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty()),
            "{told:#}"
        );
        assert!(told["instance"].is_string(), "{told:#}");
        let page = raw_request(
            next.url.trim_start_matches("http://"),
            &format!("GET {url} HTTP/1.1\r\nAccept: text/html\r\nAuthorization: Bearer {TRIGGER_TOKEN}\r\n"),
        );
        assert!(page.contains("Along time") && page.contains("stg_orders"), "{page}");
        for nodes in [&mut known["nodes"], &mut told["nodes"]] {
            nodes
                .as_array_mut()
                .expect("nodes")
                .sort_by_key(|node| node["node"].to_string());
        }
        for field in [
            "run_id",
            "status",
            "action",
            "source",
            "callers",
            "called_by",
            "queued_at",
            "started_at",
            "counts",
            "problem",
            "dbt_version",
            "nodes",
        ] {
            assert_eq!(told[field], known[field], "{field}");
        }
    }
    let selected = next.get(&format!("/runs/{}", of(&tested)));
    assert_eq!(selected["selectors"], json!(["--select", "stg_orders"]));
    let unknown = next.get("/runs/0190a5d0-ac96-774b-bcce-b302099a8057");
    assert_eq!(unknown["code"], "unknown_run");
}

#[test]
#[ignore = "slow (a dbt of its own): scripts/test --slow; `trigger::quick` has the failure in the answer"]
fn a_failed_run_says_in_the_history_what_failed() {
    let small = Small::new("history_failed");
    small.write(
        "models/broken.sql",
        "select no_such_column from {{ ref('stg_orders') }}\n",
    );
    let function = small.start(1, &[]);
    let (status, _) = function.order(&everything());
    assert_eq!(status, 500);
    let rows = eventually("the run is in the history", || {
        let rows = small.query("SELECT status, problem FROM {}._dbt_runs WHERE status != 'running'");
        (!rows.is_empty()).then_some(rows)
    });
    assert_eq!(rows[0][0].as_deref(), Some("error"));
    assert!(
        rows[0][1]
            .as_deref()
            .is_some_and(|problem| problem.contains("no_such_column")),
        "{rows:?}"
    );
    let nodes = small.query("SELECT status, compiled_path FROM {}._dbt_run_nodes WHERE name = 'broken'");
    assert!(
        nodes[0][1].as_deref().is_some_and(|path| path.ends_with("broken.sql")),
        "{nodes:?}"
    );
}
