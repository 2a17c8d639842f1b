//! Stopping a sync, by a signal or because its time is over.

use std::time::{Duration, Instant};

use black_box::{World, warehouse, written};
use local_stack::http;
use serde_json::json;

#[test]
fn sigterm_during_a_sync_is_answered_within_8_seconds_and_the_next_instance_goes_on() {
    let world = World::new("sigterm", &["--seed", "67", "--merge-requests", "40"]);
    // Makes the table that is watched below.
    let mut connector = world.connector(&[("SYNC_LEASE_SECONDS", "1000")]);
    let groups = json!({"streams": ["groups"]});
    let (status, answer) = http::post(&connector.url, None, &groups).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    // In the middle of a step there is no next checkpoint for a minute.
    let rule = json!({"operation": "Issues", "fault": "hang", "ms": 60_000});
    world.gitlab.faults(&json!({"rules": [rule]})).expect("faults");
    let url = connector.url.clone();
    let call = std::thread::spawn(move || http::post(&url, None, &json!({})));
    world.wait_for_rows("merge_requests", Duration::from_secs(60));
    let asked = Instant::now();
    connector.process.ask_to_end();
    let (status, answer) = call.join().expect("the caller").expect("an answer");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert_eq!(
        (status, &answer["status"], &answer["complete"]),
        (200, &json!("partial"), &json!(false)),
        "{answer:#}"
    );
    assert!(connector.process.wait().expect("it ends").success());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    world.gitlab.faults(&json!({})).expect("no faults");
    // The lease, which would last much longer, was given back, and what was committed is not written again.
    let connector = world.connector(&[]);
    let answer = loop {
        let (status, answer) = connector.sync().expect("an answer");
        if status != 409 {
            break answer;
        }
        assert!(asked.elapsed() < Duration::from_secs(60), "{answer:#}");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(answer["status"], "success", "{answer:#}");
    assert_eq!(written(&answer, "merge_requests"), 0, "{answer:#}");
    world.assert_equal();
}

#[test]
fn a_sync_ends_at_its_deadline_says_so_and_the_next_call_goes_on() {
    let world = World::new("deadline", &["--seed", "68", "--merge-requests", "40"]);
    let connector = world.connector(&[("SYNC_DEADLINE_SECONDS", "1")]);
    world.gitlab.faults(&json!({"latency_ms": 400})).expect("faults");
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!(
        (status, &answer["status"], &answer["complete"]),
        (200, &json!("partial"), &json!(false)),
        "{answer:#}"
    );
    let ends = json!({"latency_ms": 0, "token": {"scopes": ["read_api"], "expires_at": soon()}});
    world.gitlab.faults(&ends).expect("faults");
    // Who asks may have less time than that, and not more.
    let longer = json!({"sync_deadline_seconds": "300"});
    let (status, answer) = http::post(&connector.url, None, &longer).expect("an answer");
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("setting_not_allowed")),
        "{answer:#}"
    );
    let connector = world.connector(&[]);
    let (status, answer) = http::post(&connector.url, None, &longer).expect("an answer");
    assert_eq!((status, &answer["complete"]), (200, &json!(true)), "{answer:#}");
    world.assert_equal();
    // A token near its end is a warning in the answer.
    let warning = answer["token_warning"].as_str().expect("a warning");
    assert!(warning.contains("GITLAB_TOKEN expires on"), "{warning}");
}

/// Tomorrow, as GitLab writes days.
fn soon() -> String {
    let sql = "SELECT CAST(DATE_ADD(CURRENT_DATE(), INTERVAL 1 DAY) AS STRING)";
    let rows = warehouse().query(sql).expect("a day");
    rows[0][0].clone().expect("a day")
}
