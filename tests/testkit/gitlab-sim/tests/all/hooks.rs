//! Webhooks as their receiver gets them.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::receiver::{next, receiver};
use crate::sim::{Sim, sizes};

const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// A kind of event and its action.
type Told = (&'static str, Option<&'static str>);

fn register(sim: &Sim, hook: &Value) -> u16 {
    sim.send("POST", "/_sim/hooks", None, &hook.to_string())
        .expect("an answer")
        .status
}

/// The only hook, as soon as all its deliveries are over.
fn settled(sim: &Sim) -> Value {
    let start = Instant::now();
    loop {
        let hook = sim.get("/_sim/hooks").json()[0].clone();
        if hook["pending"] == 0 {
            return hook;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{hook}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_merge_is_posted_with_gitlabs_headers_and_a_signature() {
    let sim = Sim::start(&sizes(60));
    let (address, posts) = receiver(200);
    let hook = json!({
        "url": format!("http://{address}/webhook?from=gitlab"), "token": "hook-secret",
        "signing_token": format!("whsec_{}", STANDARD.encode(KEY)), "events": ["merge_request"],
    });
    assert_eq!(register(&sim, &hook), 201);
    let change = sim.change(&json!({"kind": "merge"}));
    let post = next(&posts);
    let header = |name: &str| post.headers[name].clone();
    assert_eq!(header("request"), "POST /webhook?from=gitlab HTTP/1.1");
    assert_eq!(header("x-gitlab-event"), "Merge Request Hook");
    assert_eq!(header("x-gitlab-token"), "hook-secret");
    assert_eq!(header("x-gitlab-instance"), "https://gitlab.acme.example");
    assert_eq!(header("user-agent"), "GitLab/19.2.1");
    assert_eq!(header("content-type"), "application/json");
    for name in ["x-gitlab-event-uuid", "x-gitlab-webhook-uuid", "idempotency-key"] {
        assert_eq!(header(name).len(), 36, "{name}");
    }
    assert_eq!(header("webhook-id"), header("idempotency-key"));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("a key");
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&post.raw);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{signature}"));

    let body = post.json();
    assert_eq!(
        (&body["object_kind"], &body["event_type"]),
        (&json!("merge_request"), &json!("merge_request"))
    );
    let told = &body["object_attributes"];
    assert_eq!(told["action"], "merge");
    assert_eq!(
        (&told["id"], &told["iid"]),
        (&change["merge_request_id"], &change["iid"])
    );
    assert_eq!(body["project"]["path_with_namespace"], change["project"]);
    assert_eq!(body["changes"]["state_id"], json!({"previous": 1, "current": 3}));
    let at = told["updated_at"].as_str().expect("a time");
    assert!(at.ends_with(" UTC") && at.len() == 23, "{at}");

    let hook = settled(&sim);
    let delivery = &hook["deliveries"][0];
    assert_eq!(
        (&delivery["status"], &delivery["event"]),
        (&json!(200), &json!("merge_request"))
    );
    assert_eq!(delivery["idempotency_key"], header("idempotency-key"));
    assert!(delivery["milliseconds"].is_u64());
    assert!(!hook.to_string().contains("secret") && !hook.to_string().contains("whsec"));
}

#[test]
fn each_kind_of_change_posts_its_events() {
    let sim = Sim::start(&sizes(80));
    let (address, posts) = receiver(201);
    assert_eq!(register(&sim, &json!({"url": format!("http://{address}/")})), 201);
    let expected: [(&str, &[Told]); 15] = [
        (
            "open_merge_request",
            &[("merge_request", Some("open")), ("pipeline", None)],
        ),
        ("edit_title", &[("merge_request", Some("update"))]),
        ("unlabel", &[("merge_request", Some("update"))]),
        (
            "push",
            &[("push", None), ("merge_request", Some("update")), ("pipeline", None)],
        ),
        ("comment", &[("note", Some("create"))]),
        ("throttled_touch", &[("note", Some("create"))]),
        ("comment_issue", &[("note", Some("create"))]),
        ("edit_note", &[("note", Some("update"))]),
        ("finish_pipeline", &[("pipeline", None)]),
        (
            "tie",
            &[("merge_request", Some("update")), ("merge_request", Some("update"))],
        ),
        ("merge", &[("merge_request", Some("merge")), ("push", None)]),
        ("close", &[("merge_request", Some("close"))]),
        ("reopen", &[("merge_request", Some("reopen"))]),
        ("delete_note", &[]),
        ("delete_merge_request", &[]),
    ];
    let (mut keys, mut count) = (BTreeSet::new(), 0);
    for (kind, events) in expected {
        let change = sim.change(&json!({"kind": kind}));
        for (event, action) in events {
            let post = next(&posts);
            let body = post.json();
            assert_eq!(body["object_kind"], *event, "{kind}");
            assert_eq!(body["object_attributes"]["action"].as_str(), *action, "{kind}");
            assert!(body["project"]["path_with_namespace"].is_string());
            if kind != "tie" && *event == "merge_request" {
                assert_eq!(body["object_attributes"]["iid"], change["iid"]);
            }
            keys.insert(post.headers["idempotency-key"].clone());
            count += 1;
            assert!(!post.headers.contains_key("webhook-signature"), "no key, no signature");
        }
    }
    assert_eq!(keys.len(), count);
    assert_eq!(
        posts.recv_timeout(Duration::from_millis(200)).err(),
        Some(RecvTimeoutError::Timeout)
    );
}

#[test]
fn payloads_tell_what_changed() {
    let sim = Sim::start(&sizes(80));
    let (address, posts) = receiver(200);
    register(
        &sim,
        &json!({"url": format!("http://{address}/"), "events": ["merge_request", "push", "pipeline", "note"]}),
    );
    let change = sim.change(&json!({"kind": "push"}));
    let (push, merge_request, pipeline) = (next(&posts).json(), next(&posts).json(), next(&posts).json());
    let commits = push["commits"].as_array().expect("commits");
    assert_eq!(push["total_commits_count"], commits.len());
    assert_eq!(commits.last().expect("a commit")["id"], push["after"]);
    assert_eq!(merge_request["object_attributes"]["oldrev"], push["before"]);
    assert_eq!(merge_request["object_attributes"]["last_commit"]["id"], push["after"]);
    assert_eq!(pipeline["object_attributes"]["sha"], push["after"]);
    assert_eq!(pipeline["object_attributes"]["status"], "running");
    let for_merge_request = &pipeline["merge_request"]["iid"];
    assert!(for_merge_request.is_null() || *for_merge_request == change["iid"]);

    let change = sim.change(&json!({"kind": "assign"}));
    let people = &next(&posts).json()["changes"]["assignees"];
    let ids = |list: &Value| -> BTreeSet<Option<u64>> {
        list.as_array()
            .expect("people")
            .iter()
            .map(|user| user["id"].as_u64())
            .collect()
    };
    let added: BTreeSet<_> = ids(&people["current"])
        .difference(&ids(&people["previous"]))
        .copied()
        .collect();
    let told = change["rows"]["mr_assignees"][0][1].as_u64();
    assert_eq!(added, [told].into());

    sim.change(&json!({"kind": "comment"}));
    let note = next(&posts).json();
    assert_eq!(note["object_attributes"]["noteable_id"], note["merge_request"]["id"]);
    assert_eq!(note["project_id"], note["merge_request"]["target_project_id"]);
}

#[test]
fn a_comment_on_a_confidential_issue_has_a_header_of_its_own() {
    let sim = Sim::start(&sizes(200));
    let rows = sim.rows("issues");
    let issue = rows
        .iter()
        .find(|row| row["confidential"] == true)
        .expect("a confidential issue");
    let projects = sim.rows("projects");
    let home = projects
        .iter()
        .find(|row| row["id"] == issue["project_id"])
        .expect("its project");
    let (address, posts) = receiver(200);
    register(&sim, &json!({"url": format!("http://{address}/"), "events": ["note"]}));
    sim.change(&json!({"kind": "comment_issue", "project": home["full_path"], "iid": issue["iid"]}));
    let post = next(&posts);
    assert_eq!(post.headers["x-gitlab-event"], "Confidential Note Hook");
    assert_eq!(post.json()["issue"]["id"], issue["id"]);
}

#[test]
fn a_failed_delivery_is_told_and_not_repeated() {
    let sim = Sim::start(&sizes(40));
    let (address, posts) = receiver(500);
    register(
        &sim,
        &json!({"url": format!("http://{address}/"), "events": ["merge_request"]}),
    );
    sim.change(&json!({"kind": "edit_title"}));
    next(&posts);
    assert_eq!(settled(&sim)["deliveries"][0]["status"], 500);
    assert!(posts.recv_timeout(Duration::from_millis(200)).is_err());
    assert_eq!(
        sim.send("DELETE", "/_sim/hooks", None, "").expect("an answer").status,
        200
    );

    let gone = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    register(
        &sim,
        &json!({"url": format!("http://{gone}/"), "events": ["merge_request"]}),
    );
    sim.change(&json!({"kind": "edit_title"}));
    let delivery = &settled(&sim)["deliveries"][0];
    assert!(
        delivery["status"].is_null() && delivery["error"].is_string(),
        "{delivery}"
    );
}

#[test]
fn hooks_that_leave_the_machine_or_say_nonsense_are_refused() {
    let sim = Sim::start(&sizes(20));
    for hook in [
        json!({"url": "http://192.0.2.1/"}),
        json!({"url": "https://127.0.0.1/"}),
        json!({"url": "http://127.0.0.1:1/", "events": ["everything"]}),
        json!({"url": "http://127.0.0.1:1/", "signing_token": "whsec_short"}),
        json!({"uri": "http://127.0.0.1:1/"}),
    ] {
        assert_eq!(register(&sim, &hook), 400, "{hook}");
    }
    assert_eq!(sim.get("/_sim/hooks").json(), json!([]));
}
