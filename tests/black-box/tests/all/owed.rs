//! dbt runs after rows moved: once, and again if it failed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use black_box::{TABLES, World, written};
use serde_json::{Value, json};

/// A dbt-trigger that answers as it is told and keeps what it was asked.
struct Stand {
    url: String,
    status: Arc<AtomicU16>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stand {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (status, requests) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())));
        let (told, kept) = (status.clone(), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut seen = Vec::new();
                let mut buffer = [0; 4096];
                while !whole(&seen) {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(read) => seen.extend_from_slice(&buffer[..read]),
                    }
                }
                let seen = String::from_utf8(seen).expect("text");
                kept.lock().expect("no panic").push(seen);
                let body = r#"{"status":"success","message":"as told"}"#;
                let status = told.load(Ordering::SeqCst);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url, status, requests }
    }

    fn calls(&self) -> usize {
        self.requests.lock().expect("no panic").len()
    }

    /// Head and body of the last request.
    fn last(&self) -> (String, Value) {
        let requests = self.requests.lock().expect("no panic");
        let (head, body) = requests
            .last()
            .and_then(|text| text.split_once("\r\n\r\n"))
            .expect("a request");
        (head.to_lowercase(), serde_json::from_str(body).expect("JSON"))
    }
}

/// Whether a request has come whole.
fn whole(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

#[test]
fn dbt_is_called_when_rows_moved_and_again_after_it_failed() {
    let world = World::new("owed", &["--seed", "81", "--merge-requests", "40"]);
    let stand = Stand::start();
    let variables = [
        ("DBT_TRIGGER_URL", stand.url.as_str()),
        ("DBT_TRIGGER_AUTH_TOKEN", "trigger-77aa"),
    ];
    let connector = world.connector(&variables);
    stand.status.store(500, Ordering::SeqCst);
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!((status, &answer["code"]), (502, &json!("dbt_failed")), "{answer:#}");
    assert_eq!(stand.calls(), 1);
    let (head, body) = stand.last();
    assert!(head.contains("\r\nauthorization: bearer trigger-77aa\r\n"), "{head}");
    assert_eq!(
        (&body["source"], &body["action"]),
        (&json!("gitlab-connector"), &json!("run_dbt"))
    );
    let info = &body["sync_info"];
    assert_eq!(info["sync_id"], answer["details"]["sync_id"], "{info:#}");
    assert_eq!(info["sync_time"], answer["details"]["started_at"], "{info:#}");
    assert_eq!(
        (&info["project_count"], &info["interval_hours"]),
        (&json!(5), &json!(1.0))
    );
    assert!(
        TABLES.iter().all(|table| written(&answer["details"], table) > 0),
        "{answer:#}"
    );
    assert_eq!(sorted(&info["changed_tables"]), sorted(&json!(TABLES)));
    // Nothing moves now, and another process knows of the debt.
    drop(connector);
    let connector = world.connector(&variables);
    stand.status.store(200, Ordering::SeqCst);
    let answer = world.sync(&connector);
    assert_eq!(
        (stand.calls(), &answer["dbt"]["status"]),
        (2, &json!("success")),
        "{answer:#}"
    );
    let changed = stand.last().1["sync_info"]["changed_tables"].take();
    assert!(
        changed.is_null(),
        "what the failed run should have seen is not only {changed}"
    );
    let answer = world.sync(&connector);
    assert_eq!(
        (stand.calls(), &answer["dbt"]["reason"]),
        (2, &json!("nothing changed")),
        "{answer:#}"
    );
    world.gitlab.change(&json!({"kind": "comment"})).expect("a change");
    world.sync(&connector);
    assert_eq!(stand.calls(), 3);
    let (_, body) = stand.last();
    let changed = sorted(&body["sync_info"]["changed_tables"]);
    assert!(
        changed.contains(&"mr_notes") && !changed.contains(&"labels"),
        "{changed:?}"
    );
}

fn sorted(names: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = names
        .as_array()
        .expect("names")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    names.sort_unstable();
    names
}
