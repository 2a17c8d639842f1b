//! dbt runs after rows moved: once, and again if it failed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use black_box::World;
use serde_json::json;

/// A dbt-trigger that answers as it is told and counts its callers.
struct Stand {
    url: String,
    status: Arc<AtomicU16>,
    calls: Arc<AtomicUsize>,
}

impl Stand {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (status, calls) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (told, counted) = (status.clone(), calls.clone());
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
                counted.fetch_add(1, Ordering::SeqCst);
                let body = r#"{"status":"success","message":"as told"}"#;
                let status = told.load(Ordering::SeqCst);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url, status, calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
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
    let answer = world.sync(&connector);
    assert_eq!(
        (stand.calls(), &answer["dbt"]["reason"]),
        (2, &json!("nothing changed")),
        "{answer:#}"
    );
    world.gitlab.change(&json!({"kind": "comment"})).expect("a change");
    world.sync(&connector);
    assert_eq!(stand.calls(), 3);
}
