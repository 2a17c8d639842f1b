//! From a change in GitLab to the changed row, without a sync.

use std::time::{Duration, Instant};

use black_box::{TRIGGER_TOKEN, World, warehouse};
use local_stack::{Connector, http, root};
use serde_json::{Value, json};

const TOKEN: &str = "hook-3f9b2c71";
/// 32 bytes of the letter k.
const SIGNING: &str = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";

fn started(name: &'static str) -> (World, Connector) {
    let world = World::new(name, &["--seed", "71", "--merge-requests", "60"]);
    let connector = world.connector(&[
        ("GITLAB_WEBHOOK_TOKEN", TOKEN),
        ("GITLAB_WEBHOOK_SIGNING_TOKEN", SIGNING),
    ]);
    world.sync(&connector);
    (world, connector)
}

/// Waits until every delivery was answered, and returns the statuses.
fn deliveries(world: &World) -> Vec<u64> {
    let begun = Instant::now();
    loop {
        let (_, hooks) = http::get(&format!("{}/_sim/hooks", world.gitlab.url)).expect("an answer");
        let hooks = hooks.as_array().cloned().unwrap_or_default();
        if hooks.iter().all(|hook| hook["pending"] == 0) {
            let all = hooks
                .iter()
                .flat_map(|hook| hook["deliveries"].as_array().cloned().unwrap_or_default());
            return all
                .map(|delivery| delivery["status"].as_u64().unwrap_or_default())
                .collect();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "deliveries are stuck: {hooks:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_change_reaches_its_table_by_webhook_alone() {
    let (world, connector) = started("hooks");
    let hooks = format!("{}/_sim/hooks", world.gitlab.url);
    let url = format!("{}/webhook", connector.url);
    // One hook shows the plain token, the other signs.
    for hook in [
        json!({"url": url, "token": TOKEN}),
        json!({"url": url, "signing_token": SIGNING}),
    ] {
        let (status, answer) = http::post(&hooks, None, &hook).expect("an answer");
        assert_eq!(status, 201, "{answer}");
    }
    for kind in [
        "comment",
        "merge",
        "open_merge_request",
        "fail_pipeline",
        "push",
        "approve",
    ] {
        world.gitlab.change(&json!({"kind": kind})).expect("a change");
    }
    let statuses = deliveries(&world);
    assert!(statuses.len() >= 10, "{statuses:?}");
    assert!(
        statuses.iter().all(|status| *status == 200 || *status == 202),
        "{statuses:?}"
    );
    // What takes longer than GitLab waits is written all the same; the last one is soon done.
    world.wait_for_rows("merge_requests", Duration::from_secs(60));
    world.assert_equal_rows("mr_notes");
    world.assert_equal_rows("mr_approvals");
    world.assert_equal_rows("pipelines");
}

/// A dbt project of one mart, so that dbt's part of the way is short.
fn small_project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::create_dir(folder.path().join("models")).expect("a folder");
    std::fs::copy(root().join("models/profiles.yml"), folder.path().join("profiles.yml")).expect("a copy");
    put(
        "dbt_project.yml",
        "name: small\nversion: '1.0.0'\nconfig-version: 2\nprofile: mergemind\nmodel-paths: [models]\n",
    );
    put(
        "models/sources.yml",
        "sources:\n  - name: raw\n    schema: \"{{ env_var('BQ_DATASET_RAW') }}\"\n    database: \"{{ env_var('PROJECT_ID') }}\"\n    tables: [{name: merge_requests}]\n",
    );
    put(
        "models/dim_merge_requests.sql",
        "{{ config(materialized='table') }}\nselect id as merge_request_id, state from {{ source('raw', 'merge_requests') }} where not _deleted\n",
    );
    folder
}

#[test]
fn from_the_hook_to_the_row_of_a_mart_through_dbt_without_a_sync() {
    let world = World::new("hook_to_mart", &["--seed", "72", "--merge-requests", "20"]);
    let project = small_project();
    let trigger = world.trigger(project.path(), false);
    let connector = world.connector(&[
        ("GITLAB_WEBHOOK_TOKEN", TOKEN),
        ("DBT_TRIGGER_URL", &trigger.url),
        ("DBT_TRIGGER_AUTH_TOKEN", TRIGGER_TOKEN),
    ]);
    let answer = world.sync(&connector);
    assert_eq!(answer["dbt"]["status"], "success", "{answer:#}");
    let hook = json!({"url": format!("{}/webhook", connector.url), "token": TOKEN});
    let (status, answer) = http::post(&format!("{}/_sim/hooks", world.gitlab.url), None, &hook).expect("an answer");
    assert_eq!(status, 201, "{answer}");
    let change = world.gitlab.change(&json!({"kind": "merge"})).expect("a change");
    let begun = Instant::now();
    let id = change["merge_request_id"].as_i64().expect("an id");
    let sql = format!(
        "SELECT state FROM {}.dim_merge_requests WHERE merge_request_id = {id}",
        world.modelled
    );
    loop {
        // While dbt replaces the table there may be none.
        let state = warehouse()
            .query(&sql)
            .ok()
            .and_then(|rows| rows.first()?.first()?.clone());
        if state.as_deref() == Some("merged") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it is {state:?} still");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_burst_is_one_look_and_repeats_and_strangers_are_turned_away() {
    let (world, connector) = started("burst");
    let url = format!("{}/webhook", connector.url);
    let rows = world.gitlab.rows("merge_requests").expect("rows");
    let path = rows[0]["web_url"].as_str().expect("an address").to_owned();
    let path = path
        .split("/-/")
        .next()
        .expect("a part")
        .splitn(4, '/')
        .nth(3)
        .expect("a path")
        .to_owned();
    let payload = json!({"object_kind": "merge_request", "project": {"path_with_namespace": path},
        "object_attributes": {"iid": rows[0]["iid"]}});
    let send = |token: &str, key: &str, payload: &Value| {
        http::post_with(&url, &[("x-gitlab-token", token), ("idempotency-key", key)], payload).expect("an answer")
    };
    world.gitlab.stats_reset().expect("a reset");
    let burst: Vec<_> = (0..20)
        .map(|n| {
            let (url, payload) = (url.clone(), payload.clone());
            std::thread::spawn(move || {
                let key = format!("key-{n}");
                let headers = [("x-gitlab-token", TOKEN), ("idempotency-key", key.as_str())];
                http::post_with(&url, &headers, &payload).expect("an answer")
            })
        })
        .collect();
    for call in burst {
        let (status, answer) = call.join().expect("the caller");
        assert!(status == 200 || status == 202, "{status} {answer}");
    }
    let asked = world.gitlab.stats().expect("statistics")["requests"]["total"]
        .as_u64()
        .expect("a number");
    assert!(asked <= 8, "20 webhooks cost {asked} requests");
    let (status, answer) = send(TOKEN, "key-1", &payload);
    assert_eq!((status, &answer["status"]), (200, &json!("ignored")), "{answer}");
    let (status, _) = send("hook-wrong", "key-100", &payload);
    assert_eq!(status, 401);
    let stranger =
        json!({"object_kind": "note", "project": {"path_with_namespace": "other/x"}, "merge_request": {"iid": 1}});
    let (status, answer) = send(TOKEN, "key-101", &stranger);
    assert_eq!((status, &answer["status"]), (200, &json!("ignored")), "{answer}");
}
