//! Fivetran's webhook and Google's events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, TOKEN, Trigger, eventually, one_model, send};

const SECRET: &str = "webhook-secret-7";

fn sign(body: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|b| format!("{b:02X}")).collect()
}

fn fivetran(trigger: &Trigger, path: &str, body: &str, signature: &str) -> Answer {
    trigger.send("POST", path, &[("X-Fivetran-Signature-256", signature)], body)
}

fn sync_end(sync_id: &str, status: &str) -> String {
    json!({"event": "sync_end", "created": "2026-05-22T00:06:08.638Z", "connector_type": "google_cloud_function", "connector_id": "assimilate_seem",
        "connector_name": "gitlab", "sync_id": sync_id, "destination_group_id": "g", "data": {"status": status}})
    .to_string()
}

#[test]
fn a_successful_fivetran_sync_runs_once_and_is_answered_at_once() {
    let mut plan = one_model();
    plan["seconds"] = json!(2);
    let trigger = Trigger::start(&plan, &[("FIVETRAN_WEBHOOK_SECRET", SECRET)]);
    let body = sync_end("sync-1", "SUCCESSFUL");
    let answer = fivetran(&trigger, "/fivetran", &body, &sign(&body, SECRET));
    assert_eq!(answer.status, 202, "{answer:?}");
    let run_id = answer.body["run_id"].as_str().expect("an id");
    assert_ne!(
        trigger.ask("GET", &format!("/runs/{run_id}"), "").body["status"],
        "success",
        "it was not waited for"
    );
    // Fivetran repeats a call whose answer it lost, and so can anybody who has recorded one.
    for path in ["/fivetran", "/"] {
        let again = fivetran(&trigger, path, &body, &sign(&body, SECRET).to_lowercase());
        assert_eq!(
            (again.status, &again.body["status"]),
            (200, &json!("ignored")),
            "{again:?}"
        );
    }
    let told = trigger.wait_for_run(run_id);
    assert_eq!(
        (&told["status"], &told["source"]),
        (&json!("success"), &json!("fivetran:gitlab"))
    );
    assert_eq!(told["called_by"][0]["caller"], "fivetran");
    let body = sync_end("sync-2", "SUCCESSFUL");
    assert_eq!(fivetran(&trigger, "/", &body, &sign(&body, SECRET)).status, 202);
    trigger.wait_for_build(2);
}

#[test]
fn other_events_of_fivetran_get_200_and_a_reason() {
    let trigger = Trigger::start(&one_model(), &[("FIVETRAN_WEBHOOK_SECRET", SECRET)]);
    for body in [
        sync_end("s", "FAILURE_WITH_TASK"),
        r#"{"event":"sync_start","sync_id":"s"}"#.into(),
        r#"{"event":"dbt_run_succeeded"}"#.into(),
        r#"{"test":"payload"}"#.into(),
        String::new(),
    ] {
        let answer = fivetran(&trigger, "/fivetran", &body, &sign(&body, SECRET));
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!("ignored")),
            "{body}"
        );
        assert!(
            answer.body["reason"].as_str().is_some_and(|reason| reason.len() > 10),
            "{answer:?}"
        );
    }
    assert_eq!(trigger.calls("build").len(), 0);
}

#[test]
fn a_wrong_signature_of_fivetran_is_refused() {
    let trigger = Trigger::start(&one_model(), &[("FIVETRAN_WEBHOOK_SECRET", SECRET)]);
    let body = sync_end("s", "SUCCESSFUL");
    let right = sign(&body, SECRET);
    for signature in [
        sign(&body, "other"),
        format!("sha256={right}"),
        right[1..].into(),
        String::new(),
    ] {
        let answer = fivetran(&trigger, "/fivetran", &body, &signature);
        assert_eq!(answer.status, 401, "{signature}");
    }
    // The signature is of the body as it was received, to the byte.
    assert_eq!(
        fivetran(&trigger, "/fivetran", &format!("{body}\n"), &right).status,
        401
    );
    assert_eq!(trigger.send("POST", "/fivetran", &[], &body).status, 401);
    assert_eq!(trigger.calls("build").len(), 0);
    let without = Trigger::start(&one_model(), &[]);
    assert_eq!(
        fivetran(&without, "/fivetran", &body, &sign(&body, "")).status,
        401,
        "no secret, no webhook"
    );
}

#[test]
fn slow_strangers_do_not_shut_fivetran_out() {
    use std::io::{Read, Write};
    let trigger = Trigger::start(&one_model(), &[("FIVETRAN_WEBHOOK_SECRET", SECRET)]);
    let strangers: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(trigger.address()).expect("connects");
            let head = "POST /fivetran HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n";
            let body = "x".repeat(50_000);
            write!(
                stream,
                "{head}X-Fivetran-Signature-256: {}\r\n\r\n{body}",
                "0".repeat(64)
            )
            .expect("sent");
            stream
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_secs(1));
    for number in 0..3 {
        let body = sync_end(&format!("sync-{number}"), "SUCCESSFUL");
        let answer = fivetran(&trigger, "/fivetran", &body, &sign(&body, SECRET));
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    // They are cut off within seconds, not half a minute.
    for mut stranger in strangers {
        stranger
            .set_read_timeout(Some(std::time::Duration::from_secs(12)))
            .expect("a timeout");
        let mut answer = [0; 12];
        stranger.read_exact(&mut answer).expect("an answer");
        assert!(
            [&b"HTTP/1.1 408"[..], b"HTTP/1.1 503"].contains(&&answer[..]),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    let large = "x".repeat(64 * 1024 + 1);
    assert_eq!(
        fivetran(&trigger, "/fivetran", &large, &sign(&large, SECRET)).status,
        413
    );
}

fn pushed(trigger: &Trigger, headers: &[(&str, &str)], body: &Value) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let mut all = vec![("Authorization", bearer.as_str())];
    all.extend(headers);
    trigger.send("POST", "/", &all, &body.to_string())
}

fn envelope(id: &str, data: &str) -> Value {
    json!({"message": {"data": STANDARD.encode(data), "messageId": id, "message_id": id}, "subscription": "projects/p/subscriptions/loaded"})
}

#[test]
fn pub_sub_pushes_run_dbt_once_each() {
    let trigger = Trigger::start(&one_model(), &[]);
    let first = pushed(&trigger, &[], &envelope("1", r#"{"action":"test","select":"a"}"#));
    assert_eq!(first.status, 202, "{first:?}");
    let told = trigger.wait_for_run(first.body["run_id"].as_str().expect("an id"));
    assert_eq!(
        (&told["action"], &told["source"]),
        (&json!("test"), &json!("pubsub:loaded"))
    );
    let again = pushed(&trigger, &[], &envelope("1", "{}"));
    assert_eq!((again.status, &again.body["status"]), (200, &json!("ignored")));
    // An error would come back for days.
    let unusable = pushed(&trigger, &[], &envelope("2", r#"{"action":"drop_everything"}"#));
    assert_eq!((unusable.status, &unusable.body["status"]), (200, &json!("ignored")));
    assert!(trigger.send("POST", "/", &[], &envelope("3", "{}").to_string()).status == 401);
}

#[test]
fn eventarc_cloud_events_run_dbt_in_both_forms() {
    let trigger = Trigger::start(&one_model(), &[]);
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "//bigquery.googleapis.com/projects/p"),
        ("ce-type", "google.cloud.audit.log.v1.written"),
    ];
    let answer = pushed(
        &trigger,
        &binary,
        &json!({"protoPayload": {"methodName": "jobservice.insert"}}),
    );
    assert_eq!(answer.status, 202, "{answer:?}");
    let told = trigger.wait_for_run(answer.body["run_id"].as_str().expect("an id"));
    assert_eq!(told["source"], "//bigquery.googleapis.com/projects/p");
    let structured =
        json!({"specversion": "1.0", "id": "8", "source": "//x", "type": "t", "data": envelope("9", "{}")});
    let answer = pushed(
        &trigger,
        &[("Content-Type", "application/cloudevents+json")],
        &structured,
    );
    assert_eq!(answer.status, 202, "{answer:?}");
    let again = pushed(
        &trigger,
        &[("Content-Type", "application/cloudevents+json")],
        &structured,
    );
    assert_eq!(again.body["status"], "ignored");
}

#[test]
fn an_event_whose_run_could_not_be_made_is_taken_again() {
    let trigger = Trigger::start(&json!({"nodes": [], "crash": "no memory left"}), &[]);
    let event = envelope("1", "{}");
    let first = pushed(&trigger, &[], &event);
    assert_eq!(first.status, 202, "{first:?}");
    let told = trigger.wait_for_run(first.body["run_id"].as_str().expect("an id"));
    assert_eq!(told["status"], "error");
    trigger.project().plan(&one_model());
    let again = eventually("its next delivery is taken", || {
        let again = pushed(&trigger, &[], &event);
        (again.status == 202).then_some(again)
    });
    assert_eq!(
        trigger.wait_for_run(again.body["run_id"].as_str().expect("an id"))["status"],
        "success"
    );
    assert_eq!(pushed(&trigger, &[], &event).body["status"], "ignored", "once it ran");
}

#[test]
fn a_push_that_is_waited_for_is_answered_after_its_run_and_refused_if_the_function_stops() {
    let bearer = format!("Bearer {TOKEN}");
    let wait = |address: &str, id: &str| {
        let event = envelope(id, "{}").to_string();
        send(address, "POST", "/?wait=true", &[("Authorization", &bearer)], &event)
    };
    let failing = json!({"nodes": [{"id": "model.p.a", "status": "error"}]});
    let mut trigger = Trigger::start(&failing, &[]);
    let address = trigger.address().to_owned();
    // Delivering it again would not mend the model.
    let answer = wait(&address, "1");
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("error")),
        "{answer:?}"
    );
    let mut slow = one_model();
    slow["seconds"] = json!(60);
    trigger.project().plan(&slow);
    std::thread::scope(|scope| {
        let pushed = scope.spawn(|| wait(&address, "2"));
        trigger.wait_for_build(2);
        trigger.signal("TERM");
        let answer = pushed.join().expect("an answer");
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (503, &json!("stopping")),
            "{answer:?}"
        );
    });
    trigger.ended();
}
