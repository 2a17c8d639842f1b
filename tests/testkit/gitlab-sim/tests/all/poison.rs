//! Rows, fields and texts that can't be given, as a client meets them.

use serde_json::{Value, json};

use crate::sim::{Sim, number, sizes};

const LIST: &str = "query List($path: ID!) { project(fullPath: $path) {
    mergeRequests(first: 20) { nodes { id title description diffStatsSummary { additions } approvedBy { nodes { id } } } }
    pipelines { nodes { id } } } }";

fn answer(sim: &Sim, poison: &Value) -> crate::http::Answer {
    sim.faults(&json!({"poison": poison}));
    sim.try_query(LIST, &json!({"path": project(sim)["full_path"]}))
        .expect("an answer")
}

fn project(sim: &Sim) -> Value {
    let id = sim.rows("merge_requests")[0]["project_id"].clone();
    let rows = sim.rows("projects");
    rows.into_iter().find(|row| row["id"] == id).expect("a project")
}

/// The rows, and the number of the second one.
fn rows(sim: &Sim) -> (Vec<Value>, u64) {
    let body = answer(sim, &json!([])).json();
    let rows = body["data"]["project"]["mergeRequests"]["nodes"]
        .as_array()
        .expect("rows");
    (rows.clone(), number(&rows[1]["id"]).expect("a number"))
}

#[test]
fn a_field_that_fails_is_null_and_named_and_all_else_is_there() {
    let sim = Sim::start(&sizes(60));
    let (mut rows, id) = rows(&sim);
    let poison = json!([{"of": "MergeRequest", "id": id, "field": "diffStatsSummary", "poison": "error"}]);
    let body = answer(&sim, &poison).json();
    rows[1]["diffStatsSummary"] = Value::Null;
    assert_eq!(body["data"]["project"]["mergeRequests"]["nodes"], Value::Array(rows));
    let path = json!(["project", "mergeRequests", "nodes", 1, "diffStatsSummary"]);
    assert_eq!(
        body["errors"],
        json!([{"message": "Internal server error", "path": path}])
    );
    assert_eq!(sim.stats()["faults"], json!({"poison error": 1}));
}

#[test]
fn a_field_that_may_not_be_null_takes_its_row_and_a_row_fails_whole() {
    let sim = Sim::start(&sizes(60));
    let (_, id) = rows(&sim);
    for field in [json!("title"), Value::Null] {
        let poison = json!([{"of": "MergeRequest", "id": id, "field": field, "poison": "error"}]);
        let body = answer(&sim, &poison).json();
        let nodes = &body["data"]["project"]["mergeRequests"]["nodes"];
        assert_eq!((&nodes[1], nodes[2].is_object()), (&Value::Null, true));
        assert_eq!(body["errors"][0]["path"][3], 1);
    }
}

#[test]
fn a_page_with_such_a_row_is_an_error_and_one_without_it_is_not() {
    let sim = Sim::start(&sizes(60));
    let (_, id) = rows(&sim);
    for status in [500, 503] {
        let poison = json!([{"of": "MergeRequest", "id": id, "field": "description", "poison": {"status": status}}]);
        assert_eq!(answer(&sim, &poison).status, status);
        let others =
            "query Ids { group(fullPath: \"acme\") { mergeRequests(includeSubgroups: true) { nodes { id } } } }";
        assert!(sim.data(others, &json!({}))["group"].is_object());
    }
}

#[test]
fn a_list_of_a_project_may_be_null_without_a_word() {
    let sim = Sim::start(&sizes(60));
    for list in ["mergeRequests", "pipelines"] {
        let poison = json!([{"of": "Project", "id": project(&sim)["id"], "field": list, "poison": "null"}]);
        let body = answer(&sim, &poison).json();
        assert_eq!(
            (&body["data"]["project"][list], &body["errors"]),
            (&Value::Null, &Value::Null)
        );
    }
}

#[test]
fn a_text_may_hold_half_a_surrogate_or_a_byte_that_is_no_text_on_both_apis() {
    let sim = Sim::start(&sizes(60));
    let (_, id) = rows(&sim);
    let holds = |answer: &crate::http::Answer, odd: &[u8]| answer.body.windows(odd.len()).any(|part| part == odd);
    for (poison, odd) in [("surrogate", &b"\\ud83d\""[..]), ("not_utf8", &b"\xe8\""[..])] {
        let of = |of: &str| json!([{"of": of, "id": id, "field": "title", "poison": poison}]);
        assert!(holds(&answer(&sim, &of("MergeRequest")), odd));
        sim.faults(&json!({"poison": of("/projects/:id/merge_requests")}));
        let address = format!("/api/v4/projects/{}/merge_requests?per_page=100", project(&sim)["id"]);
        assert!(holds(&sim.get(&address), odd));
        sim.faults(&json!({}));
        assert!(!holds(&sim.get(&address), odd));
    }
}

#[test]
fn a_rest_list_comes_without_its_link_or_without_any_word_about_pages() {
    let sim = Sim::start(&sizes(60));
    let address = format!("/api/v4/projects/{}/merge_requests?per_page=2", project(&sim)["id"]);
    for (bare, next) in [(false, true), (true, false)] {
        sim.faults(
            &json!({"rules": [{"fault": "no_link", "bare": bare, "operation": "/projects/:id/merge_requests"}]}),
        );
        let answer = sim.get(&address);
        assert_eq!((answer.status, answer.header("link")), (200, None));
        assert_eq!(answer.header("x-next-page").is_some(), next);
    }
}
