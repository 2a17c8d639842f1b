//! From a change in GitLab to the changed row, without a sync.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use black_box::{TRIGGER_TOKEN, World, warehouse};
use hmac::{Hmac, KeyInit, Mac};
use local_stack::{Connector, http, processes, root};
use serde_json::{Value, json};
use sha2::Sha256;

const TOKEN: &str = "hook-3f9b2c71a5d0";
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
        "{{ config(materialized='table', tags=['live']) }}\nselect id as merge_request_id, state from {{ source('raw', 'merge_requests') }} where not _deleted\n",
    );
    put(
        "models/states.sql",
        "select state, count(*) as merge_requests from {{ ref('dim_merge_requests') }} group by state\n",
    );
    put(
        "models/marts.yml",
        "models:\n  - name: dim_merge_requests\n    columns:\n      - name: state\n        data_tests: [not_null]\n",
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
    // What people wait for came first and alone; then came everything.
    let ask = |path: &str| {
        let token = format!("Bearer {TRIGGER_TOKEN}");
        http::get_with(&format!("{}{path}", trigger.url), &[("authorization", &token)])
            .expect("an answer")
            .1
    };
    let all = ["dim_merge_requests", "not_null_dim_merge_requests_state", "states"];
    // A merge may be several events, and so several runs.
    let built = loop {
        let runs = ask("/runs")["runs"].as_array().cloned().unwrap_or_default();
        let nodes = |run: &Value| -> Vec<String> {
            let told = ask(&format!("/runs/{}", run["run_id"].as_str().unwrap_or_default()));
            let nodes = told["nodes"].as_array().into_iter().flatten();
            let mut names: Vec<_> = nodes
                .filter_map(|node| node["name"].as_str().map(str::to_owned))
                .collect();
            names.sort();
            names
        };
        let built: Vec<Vec<String>> = runs.iter().rev().map(nodes).collect();
        if built.len() >= 3 && built[2..].iter().any(|names| *names == all) {
            break built;
        }
        assert!(begun.elapsed() < Duration::from_secs(240), "{runs:#?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(built[..2], [&all[..], &all[..1]]);
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

/// The headers of a delivery that is signed as GitLab does it.
fn signed(id: &str, body: &[u8]) -> String {
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let at = at.expect("after 1970").as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(&[b'k'; 32]).expect("a key");
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!("webhook-id: {id}\r\nwebhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\n")
}

/// Sends a delivery as it is, to the byte.
fn deliver(connector: &Connector, headers: &str, body: &[u8]) -> (u16, Value) {
    let address = connector.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("connects");
    let head = format!(
        "POST /webhook HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    // It may be refused before its end.
    let _ = stream.write_all(body);
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn pushes_as_large_as_gitlab_sends_them_are_followed_in_little_memory() {
    let (world, connector) = started("large_push");
    let rows = world.gitlab.rows("projects").expect("rows");
    let path = rows[0]["full_path"].as_str().expect("a path");
    // Commits come before the project, and one has a title that is not UTF-8.
    let mut push = br#"{"object_kind":"push","ref":"refs/heads/main","commits":[{"title":""#.to_vec();
    push.extend(b"Gr\xfc\xdfe \xe8\"}");
    let commit =
        json!({"id": "0".repeat(40), "message": "x\\ud83d \"quoted\" ".repeat(40), "added": ["a", "b"]}).to_string();
    while push.len() < 24_000_000 {
        push.extend(b",");
        push.extend(commit.as_bytes());
    }
    push.extend(format!(r#"],"project":{{"path_with_namespace":"{path}"}}}}"#).as_bytes());
    let before = processes::resident_kib(connector.process.id());
    let token = format!("X-Gitlab-Token: {TOKEN}\r\nIdempotency-Key: large-1\r\n");
    let mut most = 0;
    for headers in [token, signed("large-2", &push)] {
        let (status, answer) = std::thread::scope(|scope| {
            let call = scope.spawn(|| deliver(&connector, &headers, &push));
            while !call.is_finished() {
                most = most.max(processes::resident_kib(connector.process.id()));
                std::thread::sleep(Duration::from_millis(10));
            }
            call.join().expect("an answer")
        });
        assert!([200, 202].contains(&status), "{status} {answer:#}");
        assert!(answer.is_object() && answer["status"] != "ignored", "{answer:#}");
    }
    let grown = most.saturating_sub(before) / 1024;
    assert!(grown < 12, "a push of 24 MB takes {grown} MiB");
    // Another body under the same signature is a stranger's.
    let headers = signed("large-3", &push);
    push[100] ^= 1;
    assert_eq!(deliver(&connector, &headers, &push).0, 401);
}

#[test]
fn what_is_signed_rightly_is_well_received_whatever_it_is_and_once() {
    let (world, connector) = started("odd_hooks");
    for (number, body) in [
        &b"{nope"[..],
        b"",
        b"[]",
        b"\xff\xfe",
        b"{\"object_kind\":\"\xe8\"}",
        b"null",
    ]
    .iter()
    .enumerate()
    {
        let (status, answer) = deliver(&connector, &signed(&format!("odd-{number}"), body), body);
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("ignored")),
            "{body:?}: {answer:#}"
        );
    }
    // A recorded delivery comes again with a key of its own, which nobody has signed.
    let rows = world.gitlab.rows("merge_requests").expect("rows");
    let projects = world.gitlab.rows("projects").expect("rows");
    let project = projects.iter().find(|project| project["id"] == rows[0]["project_id"]);
    let path = &project.expect("its project")["full_path"];
    let body = json!({"object_kind": "merge_request", "project": {"path_with_namespace": path},
        "object_attributes": {"iid": rows[0]["iid"]}})
    .to_string();
    let headers = signed("recorded", body.as_bytes());
    let (status, answer) = deliver(
        &connector,
        &format!("{headers}Idempotency-Key: key-1\r\n"),
        body.as_bytes(),
    );
    assert!(
        [200, 202].contains(&status) && answer["status"] != "ignored",
        "{status} {answer:#}"
    );
    let (status, answer) = deliver(
        &connector,
        &format!("{headers}Idempotency-Key: key-2\r\n"),
        body.as_bytes(),
    );
    assert_eq!((status, &answer["status"]), (200, &json!("ignored")), "{answer:#}");
}
