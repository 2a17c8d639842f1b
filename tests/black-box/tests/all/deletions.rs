//! What GitLab deletes without a trace, and what it changes without a new time of update.

use black_box::{World, warehouse};
use local_stack::http;
use serde_json::json;

#[test]
#[ignore = "slow (six syncs): scripts/test --slow; the simulations delete and change as much in every history"]
fn what_is_gone_in_gitlab_is_marked_and_what_changed_quietly_is_read() {
    let world = World::new("gone", &["--seed", "51", "--merge-requests", "120"]);
    let connector = world.connector(&[]);
    world.sync(&connector);
    let quiet = [
        "delete_merge_request",
        "hide_merge_request",
        "show_merge_request",
        "delete_note",
        "delete_issue",
        "delete_pipeline",
        "delete_label",
        "rename_label",
        "rename_user",
        "close_milestone",
        "rename_group",
        "transfer_project",
        "delete_project",
        "unlabel",
        "unassign",
    ];
    for kind in quiet {
        world.gitlab.change(&json!({"kind": kind})).expect("a change");
    }
    // A project that is gone is looked at twice.
    let body = json!({"reconcile": true});
    let (status, answer) = http::post(&connector.url, None, &body).expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("partial")), "{answer:#}");
    assert_eq!(answer["warnings"][0]["code"], "deletions_held", "{answer:#}");
    let (status, answer) = http::post(&connector.url, None, &body).expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer:#}");
    let deleted = |table: &str| {
        let sql = format!("SELECT COUNT(*) FROM {}.{table} WHERE _deleted", world.raw);
        warehouse().number(&sql).expect("a count")
    };
    for table in [
        "merge_requests",
        "mr_notes",
        "issues",
        "pipelines",
        "labels",
        "projects",
        "mr_labels",
    ] {
        assert!(deleted(table) > 0, "nothing of {table} is marked");
    }
    // Approval rules of merge requests that are no longer open drift; here none of them was changed.
    world.assert_equal();
    let again = world.sync(&connector);
    assert_eq!(again["dbt"]["reason"], "DBT_TRIGGER_URL is not set");
    world.assert_equal();
}

#[test]
fn a_change_that_no_sync_has_seen_is_found_by_the_look_at_what_is_gone() {
    let world = World::new("unseen", &["--seed", "52", "--merge-requests", "40"]);
    let connector = world.connector(&[]);
    world.sync(&connector);
    // As if rows had changed, and the pages that told of it had never come.
    for table in ["merge_requests", "issues", "pipelines"] {
        let older = "updated_at = TIMESTAMP_SUB(updated_at, INTERVAL 1 MINUTE), _row_hash = _row_hash + 1";
        let sql = format!("UPDATE {}.{table} SET {older} WHERE MOD(id, 3) = 0", world.raw);
        warehouse().query(&sql).expect("older rows");
    }
    let (status, answer) = http::post(&connector.url, None, &json!({"reconcile": true})).expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer:#}");
    world.assert_equal();
}

#[test]
fn a_connector_that_points_to_another_gitlab_writes_nothing_and_says_what_to_do() {
    let world = World::new("whose", &["--seed", "53", "--merge-requests", "20"]);
    world.sync(&world.connector(&[]));
    let other = World::new("whose_other", &["--seed", "54", "--merge-requests", "20"]);
    let elsewhere = world.connector(&[("GITLAB_BASE_URL", other.gitlab.url.as_str())]);
    let (status, answer) = http::post(&elsewhere.url, None, &json!({})).expect("an answer");
    assert_eq!((status, &answer["code"]), (409, &json!("other_gitlab")), "{answer:#}");
    assert!(
        answer["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("BQ_DATASET_RAW")),
        "{answer:#}"
    );
    world.assert_equal();
    // The same GitLab at another address.
    let moved = world.gitlab.url.replace("127.0.0.1", "localhost");
    world.sync(&world.connector(&[("GITLAB_BASE_URL", moved.as_str())]));
}

#[test]
fn a_row_whose_time_of_creation_has_moved_is_there_once_and_as_gitlab_has_it() {
    let world = World::new("created", &["--seed", "55", "--merge-requests", "40"]);
    let connector = world.connector(&[]);
    world.sync(&connector);
    // As if an import had moved it since: in the table the rows lie in other partitions than GitLab's.
    for table in ["merge_requests", "issues", "pipelines", "mr_notes"] {
        let moved =
            "created_at = TIMESTAMP_MICROS(UNIX_MICROS(created_at) - 94608000000000), _row_hash = _row_hash + 1";
        let sql = format!("UPDATE {}.{table} SET {moved} WHERE MOD(id, 3) = 0", world.raw);
        warehouse().query(&sql).expect("moved rows");
    }
    let body = json!({"full_refresh": true});
    let (status, answer) = http::post(&connector.url, None, &body).expect("an answer");
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer:#}");
    for table in ["merge_requests", "issues", "pipelines", "mr_notes"] {
        let sql = format!("SELECT COUNT(*) - COUNT(DISTINCT id) FROM {}.{table}", world.raw);
        assert_eq!(warehouse().number(&sql).expect("a count"), 0, "{table}");
    }
    world.assert_equal();
}
