//! Several instances of the function: the lease, and calls between private services.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use black_box::{TRIGGER_TOKEN, World};
use serde_json::json;

use super::{Small, eventually, slow_model};

const LEASE: [(&str, &str); 2] = [("RUN_LEASE", "true"), ("RUN_LEASE_SECONDS", "6")];

#[test]
#[ignore = "slow: scripts/test --slow"]
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
#[ignore = "slow: scripts/test --slow"]
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
