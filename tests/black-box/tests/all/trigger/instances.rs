//! Several instances of the function: the lease, and calls between private services.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use black_box::{TRIGGER_TOKEN, World};
use serde_json::json;

use super::{Small, eventually, everything, slow_model};

/// A lease that also a busy machine renews in time.
const LEASE: [(&str, &str); 2] = [("RUN_LEASE", "true"), ("RUN_LEASE_SECONDS", "20")];

#[test]
#[ignore = "slow (two instances load dbt and wait for each other): scripts/test --slow; nothing of the quick run has two instances of dbt-trigger; unit tests hold the lease"]
fn two_instances_never_run_at_the_same_time() {
    let small = Small::new("lease");
    let instances = [small.start(1, &LEASE), small.start(2, &LEASE)];
    std::thread::scope(|scope| {
        for instance in &instances {
            for source in ["a", "b", "c"] {
                // Different orders, so that none are shared.
                let order =
                    json!({"source": source, "select": "stg_orders", "vars": {"least": source.len(), "who": source}});
                scope.spawn(move || instance.run(&order));
            }
        }
    });
    let ended = "SELECT COUNT(*) FROM {}._dbt_runs WHERE status = 'success'";
    eventually("all are in the history", || {
        (small.query(ended)[0][0].as_deref() == Some("6")).then_some(())
    });
    let overlapping = small.query(
        "SELECT a.run_id FROM {}._dbt_runs a JOIN {}._dbt_runs b ON a.run_id < b.run_id AND a.started_at < b.ended_at AND b.started_at < a.ended_at",
    );
    assert!(overlapping.is_empty(), "{overlapping:?}");
    let both = small.query("SELECT COUNT(DISTINCT instance) FROM {}._dbt_runs");
    assert_eq!(both[0][0].as_deref(), Some("2"));
}

#[test]
#[ignore = "slow (it waits out a lease): scripts/test --slow; nothing of the quick run has two instances of dbt-trigger"]
fn an_instance_takes_over_from_one_that_was_killed() {
    let small = Small::new("takeover");
    slow_model(&small);
    let mut first = small.start(1, &LEASE);
    first.run(&json!({"select": "stg_orders"}));
    first.begin(&json!({"select": "slow"}));
    eventually("the history says that it runs", || {
        let rows = small.query("SELECT run_id FROM {}._dbt_runs WHERE status = 'running'");
        (!rows.is_empty()).then_some(())
    });
    first.process.kill();
    let second = small.start(2, &LEASE);
    assert_eq!(second.run(&json!({"select": "stg_orders"}))["status"], "success");
    let lost = small.query("SELECT COUNT(*) FROM {}._dbt_runs WHERE status = 'lost'");
    assert_eq!(lost[0][0].as_deref(), Some("1"));
}

#[test]
#[ignore = "slow (it waits for a renewal): scripts/test --slow; nothing of the quick run has two instances of dbt-trigger; a unit test loses the lease"]
fn a_run_whose_lease_another_instance_has_taken_is_ended_and_says_so() {
    let small = Small::new("stolen");
    slow_model(&small);
    let function = small.start(1, &LEASE);
    function.run(&json!({"select": "stg_orders"}));
    let run = function.begin(&json!({"select": "slow"}));
    eventually("the history says that it runs", || {
        let rows = small.query("SELECT run_id FROM {}._dbt_runs WHERE status = 'running'");
        (!rows.is_empty()).then_some(())
    });
    // As if this instance had not been heard of for longer than its lease.
    eventually("another one takes the lease", || {
        // The renewal may come between.
        small.try_query("UPDATE {}._leases SET holder = 'another', expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 8 SECOND) WHERE name = 'run:'")
    });
    let begun = Instant::now();
    let told = function.wait_for(&run, &["error", "success"]);
    assert!(
        told["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains("lost the lease")),
        "{told:#}"
    );
    // A third of the lease until it is noticed, 6 s at most for dbt's end; the model alone takes longer.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert!(function.process.log_text().contains("another instance has taken it"));
    let (status, answer) = function.order(&json!({"select": "stg_orders"}));
    assert_eq!(status, 200, "the next one waits for its turn: {answer:#}");
}

#[test]
#[ignore = "slow (two instances load dbt): scripts/test --slow; nothing of the quick run has two instances of dbt-trigger"]
fn only_runs_of_the_same_target_are_told_as_lost_by_who_takes_the_lease() {
    let small = Small::new("targets");
    let mut first = small.start(1, &LEASE);
    first.run(&everything());
    eventually("it is in the history", || {
        (!small.query("SELECT run_id FROM {}._dbt_runs").is_empty()).then_some(())
    });
    first.process.kill();
    for (id, target) in [("same", "NULL"), ("other", "'nightly'")] {
        small.query(&format!(
            "INSERT INTO {{}}._dbt_runs (run_id, status, queued_at, started_at, target) VALUES ('{id}', 'running', CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP(), {target})"
        ));
    }
    let second = small.start(2, &LEASE);
    second.run(&json!({"select": "stg_orders"}));
    let status =
        |id: &str| small.query(&format!("SELECT status FROM {{}}._dbt_runs WHERE run_id = '{id}'"))[0][0].clone();
    assert_eq!(status("same").as_deref(), Some("lost"));
    assert_eq!(status("other").as_deref(), Some("running"), "its lease is another one");
}

/// Answers every request with `body`, and keeps what was asked.
fn server(body: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = vec![0; 65_536];
            let length = stream.read(&mut head).unwrap_or(0);
            kept.lock()
                .expect("a lock")
                .push(String::from_utf8_lossy(&head[..length]).to_lowercase());
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMetadata-Flavor: Google\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    (address, asked)
}

#[test]
fn the_connector_shows_an_id_token_to_a_private_trigger_beside_the_bearer_token() {
    // {"exp": 4102444800}: all that is read of it here.
    let id_token = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln";
    let (metadata, asked) = server(id_token.into());
    let (trigger, calls) = server(r#"{"status":"success"}"#.into());
    let world = World::new("audience", &["--merge-requests", "20"]);
    let connector = world.connector(&[
        ("DBT_TRIGGER_URL", &format!("http://{trigger}")),
        ("DBT_TRIGGER_AUTH_TOKEN", TRIGGER_TOKEN),
        ("DBT_TRIGGER_AUDIENCE", "https://trigger.example"),
        ("GCE_METADATA_HOST", &metadata),
    ]);
    let answer = world.sync(&connector);
    assert_eq!(answer["dbt"]["status"], "success", "{answer:#}");
    let call = calls.lock().expect("a lock")[0].clone();
    assert!(
        call.contains(&format!(
            "x-serverless-authorization: bearer {}",
            id_token.to_lowercase()
        )),
        "{call}"
    );
    assert!(
        call.contains(&format!("\r\nauthorization: bearer {TRIGGER_TOKEN}")),
        "{call}"
    );
    let asked = asked.lock().expect("a lock").join("\n");
    assert!(asked.contains("audience=https"), "{asked}");
    assert!(!connector.process.log_text().contains(id_token));
}
