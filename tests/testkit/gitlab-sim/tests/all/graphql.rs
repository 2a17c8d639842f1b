//! What GitLab refuses, and the small REST endpoints.

use serde_json::json;

use crate::sim::{Sim, TOKEN, sizes};

const ME: &str = "query Me { currentUser { username } queryComplexity { score limit } }";
/// Costly fields of a merge request.
const LIST: &str = "mergeRequests(includeSubgroups: true, first: $first) { nodes {
    iid mergedAt closedAt assignees { nodes { name } } reviewers { nodes { name } } labels { nodes { title } }
    approvedBy { nodes { name } } author { name username state } headPipeline { id status sha ref source duration }
    notes(last: 20) { nodes { id body system author { username } createdAt updatedAt resolvable resolved } } } }";

#[test]
fn only_a_known_token_is_let_in() {
    let sim = Sim::start(&sizes(20));
    let body = json!({"query": ME}).to_string();
    for token in [None, Some("glpat-wrong")] {
        let answer = sim.send("POST", "/api/graphql", token, &body).expect("an answer");
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json(), json!({"errors": [{"message": "Invalid token"}]}));
        let answer = sim.send("GET", "/api/v4/version", token, "").expect("an answer");
        assert_eq!(
            (answer.status, answer.json()),
            (401, json!({"message": "401 Unauthorized"}))
        );
    }
    assert_eq!(sim.data(ME, &json!({}))["currentUser"]["username"], "mergemind");
    let requests = &sim.stats()["requests"];
    assert_eq!(requests["total"], 5);
    assert_eq!(requests["refused"], 4);
}

#[test]
fn a_query_above_250_is_refused() {
    let sim = Sim::start(&sizes(60));
    let query = format!("query Heavy($first: Int) {{ group(fullPath: \"acme\") {{ a: {LIST} b: {LIST} c: {LIST} }} }}");
    let light = sim.data(&query, &json!({"first": 2}));
    assert_eq!(light["group"]["c"]["nodes"].as_array().map(Vec::len), Some(2));
    assert!(sim.stats()["max_complexity"].as_u64().is_some_and(|score| score <= 250));

    let answer = sim.try_query(&query, &json!({"first": 100})).expect("an answer");
    let score = sim.stats()["max_complexity"].as_u64().expect("a score");
    assert!(score > 250, "{score}");
    let message = format!("Query has complexity of {score}, which exceeds max complexity of 250");
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"errors": [{"message": message}]}))
    );
    assert_eq!(sim.stats()["requests"]["refused"], 1);
}

#[test]
fn bad_requests_get_gitlabs_status() {
    let sim = Sim::start(&sizes(20));
    let send = |body: &str| {
        let answer = sim.send("POST", "/api/graphql", Some(TOKEN), body).expect("an answer");
        (answer.status, answer.json()["errors"][0]["message"].clone())
    };
    let variables = json!({"query": ME, "variables": "{not json"}).to_string();
    assert_eq!(send(&variables), (422, json!("Variables are invalid JSON")));
    let long = json!({"query": format!("{ME} #{}", "x".repeat(10_000))}).to_string();
    assert_eq!(send(&long), (422, json!("Query too large")));
    assert_eq!(send("{").0, 400);
    let (status, message) = send(&json!({"query": "{ nonsense }"}).to_string());
    assert_eq!(status, 200);
    assert_eq!(message, "Field 'nonsense' doesn't exist on type 'Query'");
}

#[test]
fn several_operations_travel_together() {
    let sim = Sim::start(&sizes(20));
    let body = json!([{"query": ME}, {"query": "query Other { metadata { enterprise } }"}]).to_string();
    let answer = sim.send("POST", "/api/graphql", Some(TOKEN), &body).expect("an answer");
    let parts = answer.json();
    assert_eq!(parts[0]["data"]["queryComplexity"]["limit"], 250);
    assert_eq!(parts[1]["data"]["metadata"]["enterprise"], true);
    let stats = sim.stats();
    assert_eq!(stats["operations"], json!({"Me": 1, "Other": 1}));
    assert_eq!(stats["requests"]["graphql"], 1);
    assert_eq!(stats["bytes_sent"], answer.body.len());
    let answer = sim.send("POST", "/_sim/stats/reset", None, "").expect("an answer");
    assert_eq!(answer.json()["requests"]["total"], 0);
}

#[test]
fn the_rest_endpoints_answer_and_every_answer_tells_the_rate_limit() {
    let sim = Sim::start(&sizes(20));
    let version = sim.get("/api/v4/version");
    assert_eq!(version.json()["version"], "19.2.1");
    assert_eq!(version.header("ratelimit-limit"), Some("2000"));
    assert_eq!(version.header("ratelimit-name"), Some("throttle_authenticated_api"));
    let remaining: u64 = version.header("ratelimit-remaining").unwrap().parse().unwrap();
    assert_eq!(remaining, 1999);
    for header in ["date", "x-request-id", "ratelimit-reset"] {
        assert!(version.header(header).is_some(), "{header}");
    }
    assert_eq!(sim.get("/api/v4/metadata").json()["enterprise"], true);
    let token = sim.get("/api/v4/personal_access_tokens/self").json();
    assert_eq!(
        (&token["scopes"], &token["active"]),
        (&json!(["read_api"]), &json!(true))
    );
    assert_eq!(sim.get("/api/v4/nothing").status, 404);
    assert_eq!(sim.get("/healthz").json()["status"], "ok");
}

#[test]
fn the_community_edition_lacks_approval_rules() {
    let sim = Sim::start(&gitlab_sim::generate::Sizes {
        enterprise: false,
        ..sizes(20)
    });
    let query = "{ group(fullPath: \"acme\") { mergeRequests { nodes { approvalsLeft } } } }";
    let answer = sim.try_query(query, &json!({})).expect("an answer").json();
    assert!(answer["data"].is_null(), "the whole query fails: {answer}");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "undefinedField");
    let rows = sim.rows("merge_requests");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["approvals_required"].is_null()));
}
