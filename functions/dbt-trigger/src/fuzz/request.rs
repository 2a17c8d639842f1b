//! Whole requests to the function's routes.

use std::cell::RefCell;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use fuzz::{Shape, Target};
use tower::ServiceExt;

use super::world::{BURIED, Shown, World, fill, shown, whole};
use super::{CANARIES, assert_no_canary, code};

/// The statuses that callers are told to expect, and those of a router.
const STATUSES: [u16; 13] = [200, 202, 303, 400, 401, 404, 405, 409, 413, 415, 429, 500, 503];

const WORDS: &[&str] = &[
    "POST /",
    "GET /",
    "/runs",
    "/runs/",
    "/cancel",
    "/artifacts/",
    "/fivetran",
    "run.json",
    "manifest.json",
    "{{run}}",
    "{{old}}",
    "{{token}}",
    "{{sign}}",
    "{{basic}}",
    "authorization: Bearer ",
    "authorization: Basic ",
    "x-fivetran-signature-256: ",
    "ce-specversion: 1.0",
    "ce-id: 1",
    "ce-source: //x",
    "content-type: application/json",
    "sec-fetch-site: same-origin",
    "accept: text/html",
    "?wait=false",
    "&wait=true",
    "select",
    "exclude",
    "vars",
    "target",
    "full_refresh",
    "action",
    "run_dbt",
    "test",
    "retry",
    "sync_end",
    "SUCCESSFUL",
    "message",
    "messageId",
    "data",
    "eyJhY3Rpb24iOiJ0ZXN0In0=",
];

#[test]
fn trigger_request() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let world = RefCell::new(runtime.block_on(async { World::new() }));
    Target::new("trigger_request", Shape::Request)
        .words(WORDS)
        .reaches(&[
            "Nothing 401",
            "Bearer 202",
            "Bearer 200",
            "Password 200",
            "SignatureType 202",
            "SignatureType 200",
            "Bearer waits",
        ])
        .run(|text| {
            if world.borrow().runs() > 80 {
                world.replace(runtime.block_on(async { World::new() }));
            }
            runtime.block_on(judge(&world.borrow(), text))
        });
}

async fn judge(world: &World, text: &[u8]) -> String {
    let Some(request) = fuzz::request::read(&fill(text, &world.run_ids)) else {
        return "no request".into();
    };
    if names_a_secret(&request) {
        return "it tells a secret itself".into();
    }
    let who = shown(&request);
    let method = request.method().clone();
    let before = world.runs();
    let cancelled = || {
        world
            .queue
            .runs()
            .last(usize::MAX)
            .iter()
            .filter(|run| run.cancel.is_cancelled())
            .count()
    };
    let cancelled_before = cancelled();
    let path = request.uri().path().to_owned();
    let is_open = ["GET", "HEAD"].contains(&method.as_str()) && path == "/";
    let answered = world.router.clone().oneshot(request.map(Body::from));
    // Nobody works on the queue: whoever waits for a run waits for ever, and time passes at once.
    let Ok(answered) = tokio::time::timeout(Duration::from_secs(60), answered).await else {
        assert!(who == Shown::Bearer, "{who:?} waits for a run");
        return "Bearer waits".into();
    };
    let (status, headers, body) = whole(answered.expect("routers do not fail")).await;
    assert!(STATUSES.contains(&status), "status {status}");
    assert_ne!(status, 500, "{}", String::from_utf8_lossy(&body));
    let shown = String::from_utf8_lossy(&body).into_owned() + &headers;
    assert_no_canary(&shown);
    assert!(
        !shown.contains("<script>alert") || !headers.contains("text/html"),
        "a page holds somebody's script"
    );
    assert!(!shown.contains(BURIED), "a file was read that nobody may read");
    if who == Shown::Nothing {
        assert_eq!(
            (world.runs(), cancelled()),
            (before, cancelled_before),
            "somebody unknown has done something"
        );
        assert!(is_open || status >= 400, "somebody unknown got {status}: {shown}");
    } else if who == Shown::Bearer {
        assert!(![401, 429].contains(&status), "the token was refused: {shown}");
    }
    // The router's own refusals are plain text; the shim turns them into our JSON.
    if headers.contains("application/json") {
        assert!(
            serde_json::from_slice::<serde_json::Value>(&body).is_ok(),
            "no JSON: {shown}"
        );
    }
    format!("{who:?} {status} {}", code(&body).unwrap_or_default())
}

/// Whether a request holds a secret where none belongs: runs tell later what their callers said.
fn names_a_secret(request: &Request<Vec<u8>>) -> bool {
    let holds = |bytes: &[u8]| {
        CANARIES
            .iter()
            .any(|canary| String::from_utf8_lossy(bytes).contains(canary))
    };
    let mut headers = request.headers().iter().filter(|(name, _)| *name != AUTHORIZATION);
    headers.any(|(_, value)| holds(value.as_bytes()))
        || holds(request.body())
        || holds(request.uri().to_string().as_bytes())
}
