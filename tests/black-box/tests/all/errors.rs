//! Each mistake gets its clear error, and nothing is lost.

use black_box::{World, warehouse, warehouse_rows, written};
use local_stack::http;
use serde_json::json;

#[test]
fn a_wrong_token_is_named_and_nothing_is_written() {
    let world = World::new("wrong_token", &[]);
    let wrong = "glpat-not-the-right-one";
    let connector = world.connector(&[("GITLAB_TOKEN", wrong)]);
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!(
        (status, &answer["code"]),
        (502, &json!("gitlab_unauthorized")),
        "{answer:#}"
    );
    assert!(answer["hint"].as_str().expect("a hint").contains("read_api"));
    assert!(!answer.to_string().contains(wrong) && !connector.process.log_text().contains(wrong));
}

#[test]
#[ignore = "slow (a whole first sync): scripts/test --slow; `only_unknown_projects_are_an_error` is in the quick run"]
fn an_unknown_project_stops_nobody_else() {
    let world = World::new("unknown_project", &[]);
    let connector = world.connector(&[("GITLAB_PROJECTS", "nobody/nothing")]);
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("partial")), "{answer:#}");
    let problem = &answer["warnings"][0];
    assert_eq!(problem["code"], "scope_not_found");
    assert_eq!(problem["scope"], "project:nobody/nothing");
    assert!(written(&answer, "merge_requests") > 0);
    world.assert_equal();
}

#[test]
fn a_project_at_which_gitlab_keeps_failing_stops_nobody_else() {
    let world = World::new("broken_project", &["--projects", "3", "--merge-requests", "20"]);
    let connector = world.connector(&[("STREAMS", "branches")]);
    let projects = world.gitlab.rows("projects").expect("projects");
    let broken = projects[0]["id"].as_i64().expect("an id");
    let rule = json!({"operation": format!("/api/v4/projects/{broken}/repository/branches"), "fault": "status", "status": 500});
    world.gitlab.faults(&json!({"rules": [rule]})).expect("faults");
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("partial")), "{answer:#}");
    assert!(
        answer["warnings"].to_string().contains(&format!("projects/{broken}/")),
        "{answer:#}"
    );
    let branches = || warehouse_rows(warehouse(), &world.raw, "branches");
    assert!(!branches().is_empty() && branches().iter().all(|row| row["project_id"] != broken));
    world.assert_equal();

    world.gitlab.faults(&json!({})).expect("no faults");
    world.sync(&connector);
    assert_eq!(
        branches().len(),
        world.gitlab.rows("branches").expect("GitLab's rows").len()
    );
}

#[test]
fn only_unknown_projects_are_an_error() {
    let world = World::new("only_unknown", &[]);
    let connector = world.connector(&[("GITLAB_GROUPS", ""), ("GITLAB_PROJECTS", "nobody/nothing")]);
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!(
        (status, &answer["code"]),
        (422, &json!("scope_not_found")),
        "{answer:#}"
    );
    assert!(
        answer["message"]
            .as_str()
            .expect("a message")
            .contains("nobody/nothing")
    );
}

#[test]
fn a_connector_with_a_token_asks_for_it() {
    let world = World::new("connector_token", &[]);
    let connector = world.connector(&[("AUTH_TOKEN", "callers-0c1f6e1f")]);
    let order = json!({});
    for token in [None, Some("callers-0c1f6e1e"), Some("")] {
        let (status, answer) = http::post(&connector.url, token, &order).expect("an answer");
        assert_eq!((status, &answer["code"]), (401, &json!("unauthorized")));
    }
    let (status, answer) = http::post(&connector.url, Some("callers-0c1f6e1f"), &order).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
}

#[test]
fn a_body_that_is_not_json_is_refused() {
    let world = World::new("bad_body", &[]);
    let connector = world.connector(&[]);
    let (status, answer) = http::post_text(&connector.url, None, "{nope").expect("an answer");
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_json")));
}

#[test]
#[ignore = "slow (a whole first sync): scripts/test --slow; a dbt that fails is in the quick run, in `owed`"]
fn an_unreachable_dbt_is_reported_and_the_sync_is_kept() {
    let world = World::new("dbt_away", &[]);
    let nobody = format!("http://127.0.0.1:{}", local_stack::free_port().expect("a port"));
    let connector = world.connector(&[
        ("DBT_TRIGGER_URL", &nobody),
        ("DBT_TRIGGER_AUTH_TOKEN", "not-a-secret-1"),
    ]);
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!((status, &answer["code"]), (502, &json!("dbt_failed")), "{answer:#}");
    assert_eq!(answer["details"]["dbt"]["code"], "dbt_unreachable");
    world.assert_equal();
}
