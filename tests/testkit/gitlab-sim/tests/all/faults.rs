//! Each fault as a client meets it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sim::{Sim, sizes};

const LIST: &str = "query List { group(fullPath: \"acme\") {
    mergeRequests(includeSubgroups: true, first: 20) { nodes { iid title description } } } }";

fn hit_by(rule: &Value) -> (Sim, std::io::Result<crate::http::Answer>) {
    let sim = Sim::start(&sizes(60));
    sim.faults(&json!({"rules": [rule]}));
    let answer = sim.try_query(LIST, &json!({}));
    (sim, answer)
}

/// The next request is answered as if nothing had been.
fn is_over(sim: &Sim) {
    assert!(sim.data(LIST, &json!({}))["group"].is_object());
}

#[test]
fn a_status_comes_with_gitlabs_words() {
    let (sim, answer) = hit_by(&json!({"fault": "status", "status": 503, "times": 1}));
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 503);
    assert!(
        answer.json()["errors"][0]["message"]
            .as_str()
            .expect("words")
            .starts_with("Request timed out")
    );
    is_over(&sim);
    assert_eq!(sim.stats()["requests"]["refused"], 1);

    let (sim, answer) = hit_by(&json!({"fault": "status", "status": 429, "retry_after": 3, "times": 1}));
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("3")));
    assert_eq!(answer.body, b"Retry later\n");
    assert!(answer.header("ratelimit-resettime").is_some());
    is_over(&sim);

    let rule = json!({"fault": "status", "status": 500, "body": {"error": "boom"}, "times": 1});
    let answer = hit_by(&rule).1.expect("an answer");
    assert_eq!((answer.status, answer.json()), (500, json!({"error": "boom"})));
}

#[test]
fn a_reset_is_a_reset() {
    let (sim, answer) = hit_by(&json!({"fault": "reset", "times": 1}));
    assert_eq!(answer.expect_err("no answer").kind(), ErrorKind::ConnectionReset);
    is_over(&sim);
}

#[test]
fn a_truncated_answer_ends_in_the_middle() {
    let (sim, answer) = hit_by(&json!({"fault": "truncate", "times": 1}));
    let answer = answer.expect("a part of an answer");
    assert_eq!(answer.status, 200);
    assert!(!answer.body.is_empty() && !answer.is_complete());
    is_over(&sim);
}

#[test]
fn a_hanging_answer_comes_late() {
    let start = Instant::now();
    let (_sim, answer) = hit_by(&json!({"fault": "hang", "ms": 400, "times": 1}));
    assert_eq!(answer.expect("an answer").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(400));
}

#[test]
fn broken_json_and_html_are_what_they_say() {
    let (sim, answer) = hit_by(&json!({"fault": "invalid_json", "times": 1}));
    let answer = answer.expect("an answer");
    assert!(answer.status == 200 && answer.is_complete() && !answer.body.is_empty());
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    is_over(&sim);

    let answer = hit_by(&json!({"fault": "html", "times": 1})).1.expect("an answer");
    assert_eq!((answer.status, answer.header("content-type")), (502, Some("text/html")));
    assert!(answer.body.starts_with(b"<!DOCTYPE html>"));
    let answer = hit_by(&json!({"fault": "html", "status": 200})).1.expect("an answer");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_partial_answer_has_data_and_errors() {
    let (sim, answer) = hit_by(&json!({"fault": "partial", "times": 1}));
    let answer = answer.expect("an answer");
    let body = answer.json();
    let nodes = body["data"]["group"]["mergeRequests"]["nodes"]
        .as_array()
        .expect("nodes");
    assert_eq!((answer.status, nodes.last()), (200, Some(&Value::Null)));
    assert!(nodes[0].is_object());
    assert!(body["errors"][0]["path"].is_array());
    is_over(&sim);
}

#[test]
fn an_expired_token_is_refused_on_both_apis() {
    let (sim, answer) = hit_by(&json!({"fault": "expired_token"}));
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status, answer.json()),
        (401, json!({"errors": [{"message": "Invalid token"}]}))
    );
    let answer = sim.get("/api/v4/version");
    assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_token")));
    sim.send("DELETE", "/_sim/faults", None, "").expect("an answer");
    is_over(&sim);
}

#[test]
fn a_rule_hits_its_operation_only() {
    let sim = Sim::start(&sizes(20));
    sim.faults(&json!({"rules": [{"fault": "status", "status": 500, "operation": "List", "after": 1, "times": 1}]}));
    let status = |query: &str| sim.try_query(query, &json!({})).expect("an answer").status;
    let other = "query Other { currentUser { id } }";
    assert_eq!([LIST, other, LIST, LIST].map(status), [200, 200, 500, 200]);
}

#[test]
fn latency_and_bandwidth_take_time() {
    let sim = Sim::start(&sizes(60));
    let size = sim.try_query(LIST, &json!({})).expect("an answer").body.len() as u64;
    let timed = |faults: Value| {
        sim.faults(&faults);
        let start = Instant::now();
        let answer = sim.try_query(LIST, &json!({})).expect("an answer");
        assert!(answer.is_complete());
        start.elapsed()
    };
    assert!(timed(json!({"latency_ms": 300})) >= Duration::from_millis(300));
    assert!(timed(json!({"bytes_per_second": size * 2})) >= Duration::from_millis(400));
    assert!(timed(json!({})) < Duration::from_millis(300));
}

#[test]
fn the_rate_limit_is_enforced() {
    let sim = Sim::start(&sizes(20));
    sim.faults(&json!({"rate_limit": 2}));
    // The minute may turn in between, which lets one more in.
    let answers: Vec<_> = (0..5).map(|_| sim.get("/api/v4/version")).collect();
    let refused = answers.last().expect("five");
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
    let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
    sim.send("DELETE", "/_sim/faults", None, "").expect("an answer");
    assert_eq!(sim.get("/api/v4/version").status, 200);
}

#[test]
fn a_token_may_expire_in_the_middle() {
    let sim = Sim::start(&sizes(20));
    sim.faults(&json!({"rules": [{"fault": "expired_token", "after": 2}]}));
    let status = |_| sim.try_query(LIST, &json!({})).expect("an answer").status;
    assert_eq!([0, 1, 2, 3].map(status), [200, 200, 401, 401]);
}

#[test]
fn a_replica_shows_changes_late_and_in_order() {
    let sim = Sim::start(&sizes(60));
    sim.faults(&json!({"lag_ms": 700}));
    let start = Instant::now();
    let change = sim.change(&json!({"kind": "edit_title"}));
    let read = || {
        let query =
            "query T($path: ID!, $iid: String!) { project(fullPath: $path) { mergeRequest(iid: $iid) { title } } }";
        let variables = json!({"path": change["project"], "iid": change["iid"].to_string()});
        sim.data(query, &variables)["project"]["mergeRequest"]["title"].clone()
    };
    let rows = sim.rows("merge_requests");
    let truth = rows.iter().find(|row| row["id"] == change["merge_request_id"]);
    let title = truth.expect("the row")["title"].clone();
    let early = read();
    assert!(
        early != title || start.elapsed() >= Duration::from_millis(700),
        "it is not to be seen yet"
    );
    while read() != title {
        assert!(start.elapsed() < Duration::from_secs(15), "it never comes");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(start.elapsed() >= Duration::from_millis(690));
    sim.change(&json!({"kind": "close", "project": change["project"], "iid": change["iid"]}));
    sim.send("DELETE", "/_sim/faults", None, "").expect("an answer");
    let query = "query S($path: ID!, $iid: String!) { project(fullPath: $path) { mergeRequest(iid: $iid) { state } } }";
    let data = sim.data(
        query,
        &json!({"path": change["project"], "iid": change["iid"].to_string()}),
    );
    assert_eq!(
        data["project"]["mergeRequest"]["state"], "closed",
        "without a fault it shows at once"
    );
}

#[test]
fn wrong_answers_look_well() {
    let (sim, answer) = hit_by(&json!({"fault": "null", "seed": 3, "times": 1}));
    let nodes = |answer: &crate::http::Answer| answer.json()["data"]["group"]["mergeRequests"]["nodes"].clone();
    let values = |nodes: &Value, wanted: fn(&Value) -> bool| {
        let rows = nodes.as_array().expect("rows").iter();
        let fields = rows.flat_map(|row| row.as_object().expect("a row").values());
        fields.filter(|value| wanted(value)).count()
    };
    let sound = sim.try_query(LIST, &json!({})).expect("an answer");
    let nulls = |nodes: &Value| values(nodes, Value::is_null);
    assert_eq!(nulls(&nodes(&answer.expect("an answer"))), nulls(&nodes(&sound)) + 1);

    let answer = hit_by(&json!({"fault": "wrong_type", "times": 1}))
        .1
        .expect("an answer");
    let odd: fn(&Value) -> bool = |value| value.is_object() || value == "unexpected";
    assert_eq!(values(&nodes(&answer), odd), 1);
    assert_eq!(sim.stats()["faults"], json!({"null": 1}));

    let answer = hit_by(&json!({"fault": "missing_page", "times": 1}))
        .1
        .expect("an answer");
    assert_eq!(
        nodes(&answer).as_array().map(Vec::len),
        Some(20),
        "a list without pageInfo is left alone"
    );
}

#[test]
fn a_page_may_come_twice_or_not_at_all() {
    const PAGES: &str = "query Pages($after: String) { group(fullPath: \"acme\") {
        mergeRequests(includeSubgroups: true, first: 5, after: $after) { pageInfo { hasNextPage endCursor } nodes { id } } } }";
    let sim = Sim::start(&sizes(60));
    sim.faults(&json!({"rules": [
        {"fault": "repeated_page", "after": 1, "times": 1}, {"fault": "missing_page", "after": 2, "times": 1}]}));
    let list = |after: &Value| sim.data(PAGES, &json!({"after": after}))["group"]["mergeRequests"].clone();
    let first = list(&Value::Null);
    let next = first["pageInfo"]["endCursor"].clone();
    assert_eq!(list(&next), first, "the second page is the first once more");
    assert_eq!(list(&next)["nodes"], json!([]));
    let sound = list(&next);
    assert!(sound["nodes"].as_array().map(Vec::len) == Some(5) && sound != first);
}

#[test]
fn the_clock_of_the_answers_may_be_wrong() {
    let sim = Sim::start(&sizes(20));
    let date = || sim.get("/api/v4/version").header("date").expect("a date").to_owned();
    let sound = date();
    sim.faults(&json!({"clock_ahead_s": 7200}));
    let ahead = date();
    let day = |date: &str| date[5..16].to_owned();
    let hour = |date: &str| date[17..19].parse::<u32>().expect("an hour");
    assert!(
        (hour(&ahead) + 24 - hour(&sound)) % 24 >= 2 && (day(&sound) == day(&ahead) || hour(&sound) >= 21),
        "{sound} and {ahead}"
    );
}

#[test]
fn unknown_faults_are_refused() {
    let sim = Sim::start(&sizes(20));
    for faults in [
        json!({"rules": [{"fault": "flood"}]}),
        json!({"latency": 5}),
        json!({"rules": [{"fault": "status", "status": 7}]}),
    ] {
        let answer = sim.send("POST", "/_sim/faults", None, &faults.to_string());
        assert_eq!(answer.expect("an answer").status, 400, "{faults}");
    }
}
