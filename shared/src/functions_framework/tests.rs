//! The shim as its callers see it: over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Extension;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Settings, Shutdown, TraceContext, read_body, run_until};
use crate::telemetry::testing::Written;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn start(settings: Settings) -> Running {
    let router = Router::new()
        .route("/echo", post(|body: Body| read_body(body)))
        .route("/json", post(|Json(value): Json<Value>| async move { Json(value) }))
        .route("/panic", get(|| async { panic!("on purpose") as &'static str }))
        .route(
            "/trace",
            get(|Extension(trace): Extension<TraceContext>| async move { trace.trace_id }),
        )
        .route("/stored", get(|| async { ([("cache-control", "max-age=60")], "x") }))
        .route("/large", get(|| async { "x".repeat(64 * 1024 * 1024) }))
        .route("/endless", get(std::future::pending::<&'static str>))
        .route(
            "/until-shutdown",
            get(|Extension(shutdown): Extension<Shutdown>| async move {
                shutdown.wait().await;
                "stopped cleanly"
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(run_until("test", listener, settings, router, async {
        let _ = stopped.await;
    }));
    Running { address, stop, served }
}

/// Sends `request` as it is and returns the status and the body of the answer.
async fn send(address: SocketAddr, request: &str) -> (u16, String) {
    let (head, body) = answer_of(address, request).await;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, body)
}

/// Head and body.
async fn answer_of(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = String::new();
    // A server that refuses a body may cut the connection after its answer.
    let _ = stream.read_to_string(&mut answer).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

async fn get_path(address: SocketAddr, path: &str) -> (u16, String) {
    send(
        address,
        &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    )
    .await
}

async fn post_body(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    let length = body.len();
    send(address, &format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")).await
}

fn code(body: &str) -> Value {
    let answer: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(answer["status"], "error");
    answer["code"].clone()
}

#[tokio::test]
async fn every_answer_is_ours() {
    let server = start(Settings::default()).await;
    let address = server.address;
    for path in ["/health", "/healthz"] {
        let (status, body) = get_path(address, path).await;
        assert_eq!(
            (status, serde_json::from_str(&body).ok()),
            (200, Some(json!({"status": "ok", "service": "test"})))
        );
    }
    for (path, status, name) in [
        ("/nowhere", 404, "not_found"),
        ("/echo", 405, "method_not_allowed"),
        ("/panic", 500, "internal"),
    ] {
        let (got, body) = get_path(address, path).await;
        assert_eq!((got, code(&body)), (status, json!(name)), "{path}");
    }
    let (status, body) = post_body(address, "/json", "{").await;
    assert_eq!((status, code(&body)), (400, json!("bad_request")));
    assert_eq!(post_body(address, "/echo", "hi").await, (200, "hi".into()));
}

#[tokio::test]
async fn no_answer_is_kept_by_anybody_unless_the_function_says_so() {
    let server = start(Settings::default()).await;
    for (path, expected) in [
        ("/trace", "no-store"),
        ("/nowhere", "no-store"),
        ("/stored", "max-age=60"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let (head, _) = answer_of(server.address, &request).await;
        assert!(head.contains(&format!("cache-control: {expected}")), "{path}: {head}");
    }
}

#[tokio::test]
async fn a_strangers_words_are_cut_and_escaped_in_the_log() {
    let written = Written::default();
    let layer = tracing_subscriber::fmt().with_ansi(false).with_writer(written.clone());
    let _here = tracing::subscriber::set_default(layer.finish());
    let server = start(Settings::default()).await;
    let (path, agent) = ("p".repeat(50_000), "a".repeat(50_000));
    let deceptive = "\u{202e}gpj.exe\u{9b}31m\u{2066}\u{2028}";
    for request in [
        format!("GET /{path} HTTP/1.1\r\nhost: x\r\nuser-agent: {agent}\r\nconnection: close\r\n\r\n"),
        format!("GET /{deceptive} HTTP/1.1\r\nhost: x\r\nuser-agent: {deceptive}\r\nconnection: close\r\n\r\n"),
    ] {
        assert_eq!(send(server.address, &request).await.0, 404);
    }
    let log = written.text();
    let longest = |letter: char| {
        let runs = log.split(|c| c != letter).map(str::len);
        runs.max().unwrap_or_default()
    };
    assert_eq!(
        (longest('p'), longest('a')),
        (199, 200),
        "200 characters of each, a slash included"
    );
    assert!(log.contains('…') && log.lines().all(|line| line.len() < 2_000), "{log}");
    assert!(
        log.contains("GET /\\u{202e}gpj.exe\\u{9b}31m\\u{2066}\\u{2028} 404"),
        "{log}"
    );
    assert!(
        !log.contains(|c: char| !c.is_ascii() && deceptive.contains(c)),
        "{log:?}"
    );
}

#[tokio::test]
async fn the_callers_trace_is_kept() {
    let server = start(Settings::default()).await;
    let address = server.address;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (_, body) = send(
        address,
        &format!(
            "GET /trace HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntraceparent: 00-{id}-00f067aa0ba902b7-01\r\n\r\n"
        ),
    )
    .await;
    assert_eq!(body, id);
}

#[tokio::test]
async fn large_bodies_are_refused_whether_or_not_they_say_so() {
    let server = start(Settings {
        body_limit: 8,
        ..Settings::default()
    })
    .await;
    let address = server.address;
    assert_eq!(post_body(address, "/echo", "12345678").await.0, 200);
    let (status, body) = post_body(address, "/echo", "123456789").await;
    let address = server.address;
    assert_eq!((status, code(&body)), (413, json!("body_too_large")));
    let chunked = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n";
    let (status, body) = send(address, chunked).await;
    assert_eq!((status, code(&body)), (413, json!("body_too_large")));
}

#[tokio::test]
async fn slow_callers_are_cut_off() {
    let settings = Settings {
        head_timeout: Duration::from_millis(100),
        read_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let server = start(settings).await;
    let address = server.address;
    let unfinished = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhi";
    let (status, body) = send(address, unfinished).await;
    assert_eq!((status, code(&body)), (408, json!("body_timeout")));
    for start_of_head in ["", "P", "POST /echo HTTP/1.1\r\nhost:"] {
        // The answer may be 408 or nothing; what matters is that the connection ends.
        let ended = tokio::time::timeout(Duration::from_secs(5), send(address, start_of_head)).await;
        assert!(ended.is_ok(), "{start_of_head}");
    }
}

#[tokio::test]
async fn stopping_lets_handlers_end_cleanly() {
    let Running { address, stop, served } = start(Settings::default()).await;
    let call = tokio::spawn(async move { get_path(address, "/until-shutdown").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).expect("still running");
    assert_eq!(call.await.expect("answered"), (200, "stopped cleanly".into()));
    served.await.expect("served");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn stopping_answers_whoever_waits_for_what_does_not_end() {
    let settings = Settings {
        drain: Duration::from_millis(400),
        ..Settings::default()
    };
    let Running { address, stop, served } = start(settings).await;
    let call = tokio::spawn(async move { get_path(address, "/endless").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).expect("still running");
    let (status, body) = call.await.expect("answered");
    assert_eq!((status, code(&body)), (503, json!("stopping")));
    served.await.expect("served");
}

/// On one thread the server can't take the connection before it is told to stop.
#[tokio::test]
async fn stopping_answers_whoever_has_connected_already() {
    let settings = Settings::default();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut stream = std::net::TcpStream::connect(address).expect("connects");
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("sends");
    run_until("test", listener, settings, router, async {}).await;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
        "{answer}"
    );
}

#[tokio::test]
async fn whoever_only_holds_places_loses_them_to_those_who_ask() {
    let settings = Settings {
        connections: 8,
        ..Settings::default()
    };
    let server = start(settings).await;
    let address = server.address;
    let busy = tokio::spawn(async move { get_path(address, "/until-shutdown").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut halves = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(b"POST /echo HTTP/1.1\r\nhost:").await.expect("sends");
        halves.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), post_body(address, "/echo", "hi")).await;
    assert_eq!(answer.expect("in time"), (200, "hi".into()));
    server.stop.send(()).expect("still running");
    assert_eq!(
        busy.await.expect("answered").1,
        "stopped cleanly",
        "a request that is being answered goes on"
    );
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends() {
    let settings = Settings {
        connections: 1,
        write_timeout: Duration::from_millis(200),
        ..Settings::default()
    };
    let server = start(settings).await;
    let mut deaf = TcpStream::connect(server.address).await.expect("connects");
    deaf.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sends");
    tokio::time::sleep(Duration::from_millis(100)).await;
    // While it is being sent, there is no place for another one.
    let other = tokio::time::timeout(Duration::from_secs(10), get_path(server.address, "/healthz")).await;
    assert_eq!(other.expect("in time").0, 200);
    drop(deaf);
}

#[tokio::test]
async fn only_cloudevents_reach_a_function_of_them() {
    let settings = Settings {
        signature: super::SignatureType::CloudEvent,
        ..Settings::default()
    };
    let server = start(settings).await;
    let (status, body) = post_body(server.address, "/", "{}").await;
    assert_eq!((status, code(&body)), (400, json!("not_a_cloudevent")));
    assert_eq!(post_body(server.address, "/echo", "hi").await.0, 200);
}
