//! Tables that dbt renews in part hold what building them anew would make.

use black_box::{TRIGGER_TOKEN, World, warehouse};
use local_stack::{http, root};
use serde_json::json;

#[test]
#[ignore = "slow (minutes, all models are built more than once): scripts/test --slow; every local build compares two of the tables"]
fn what_is_renewed_in_part_equals_a_full_refresh_after_every_kind_of_change() {
    let world = World::new("renewed", &["--seed", "23"]);
    let trigger = world.trigger(&root().join("models"), false);
    let connector = world.connector(&[
        ("DBT_TRIGGER_URL", &trigger.url),
        ("DBT_TRIGGER_AUTH_TOKEN", TRIGGER_TOKEN),
    ]);
    world.sync(&connector);
    let count = |sql: &str| {
        warehouse()
            .number(&format!("{sql}\n-- of a stranger"))
            .unwrap_or_else(|error| panic!("{error:?}: {sql}"))
    };
    let (notes, pipelines) = (
        format!("{}_staging.int_note_kinds", world.modelled),
        format!("{}.fct_pipelines", world.modelled),
    );
    let deleted = format!("SELECT COUNT(*) FROM {notes} WHERE kind = 'deleted'");
    assert_eq!(count(&deleted), 0);
    // What an older project left behind: a table without a column that the model has.
    let older = format!(
        "CREATE OR REPLACE TABLE {pipelines} AS SELECT * EXCEPT (coverage_percent) FROM {pipelines}\n-- of a stranger"
    );
    warehouse().query(&older).expect("an older table");

    for kind in [
        "comment",
        "edit_note",
        "edit_note",
        "delete_note",
        "approve",
        "unapprove",
        "push",
        "toggle_draft",
        "merge",
        "close",
        "reopen",
        "delete_merge_request",
        "start_pipeline",
        "fail_pipeline",
        "delete_pipeline",
        "rename_user",
        "rename_project",
    ] {
        world.gitlab.change(&json!({"kind": kind})).expect("a change");
    }
    // Deletions are looked for once a day, or when asked to.
    let (status, answer) = http::post(&connector.url, None, &json!({"reconcile": true})).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    // With the tests models/tests/*_equals_full_refresh and *_matches_raw, which fail the build.
    assert_eq!(answer["dbt"]["status"], "success", "{:#}", answer["dbt"]);
    let everything = json!({"source": "renewed"});
    let (_, dbt) = http::post(&trigger.url, Some(TRIGGER_TOKEN), &everything).expect("an answer");
    assert_eq!(dbt["status"], "success", "{dbt:#}");
    assert!(dbt["counts"]["pass"].as_u64() > Some(30), "{dbt:#}");
    assert!(count(&deleted) > 0);
    assert!(count(&format!("SELECT COUNT(coverage_percent) FROM {pipelines}")) > 0);
}
