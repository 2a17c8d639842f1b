use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use mergemind_shared::secret::{Reference, SecretManager};

use reqwest::StatusCode;

use super::persist::{ATTEMPTS, SLOW_ATTEMPTS};
use super::*;

const WELL: (u16, &str) = (200, r#"{"data":{"metadata":{"version":"1"}}}"#);

/// Status, body, and headers.
type Answer<'a> = (u16, &'static str, &'a [(&'static str, &'static str)]);

/// A client whose GitLab gives these answers, one after the other, and then [`WELL`] for ever.
fn client(answers: &[Answer<'_>]) -> Client {
    let mut left: VecDeque<_> = VecDeque::new();
    for (status, body, fields) in answers {
        let mut headers = HeaderMap::new();
        for (name, value) in *fields {
            headers.insert(*name, value.parse().expect("a header"));
        }
        left.push_back((*status, headers, *body));
    }
    let left = Mutex::new(left);
    Client::of_fake(
        Box::new(move |_| {
            let next = left.lock().expect("one thread").pop_front();
            let (status, headers, body) = next.unwrap_or((WELL.0, HeaderMap::new(), WELL.1));
            let status = StatusCode::from_u16(status).expect("a status");
            (status, headers, body.as_bytes().to_vec())
        }),
        1,
    )
}

async fn outcome(client: &Client) -> (Result<Value, Error>, u64) {
    let asked = client
        .ask("probe", "Q", &Selection::parse("metadata { version }"), Patience::Full)
        .await;
    (asked.map(|reply| reply.data), client.take_sent().values().sum())
}

#[tokio::test(start_paused = true)]
async fn only_408_425_429_and_5xx_and_broken_bodies_are_tried_again() {
    for again in [
        (408, "{}"),
        (425, "{}"),
        (429, "Retry later"),
        (500, "{}"),
        (502, "<html>"),
        (503, "{}"),
        (504, ""),
        // Cut in the middle, a page for people, and a page with a hole.
        (200, r#"{"data":{"metadata":{"ver"#),
        (200, "<html>"),
        (
            200,
            r#"{"data":{"metadata":null},"errors":[{"message":"Internal server error"}]}"#,
        ),
    ] {
        let (found, sent) = outcome(&client(&[(again.0, again.1, &[])])).await;
        assert!(found.is_ok() && sent == 2, "{again:?}: {found:?} after {sent}");
    }
    for never in [400, 401, 403, 404, 405, 409, 410, 413, 414, 415, 422, 451] {
        let (found, sent) = outcome(&client(&[(never, r#"{"message":"no"}"#, &[])])).await;
        assert!(found.is_err() && sent == 1, "{never}: {found:?} after {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_failing_ends_as_not_available_after_some_tries() {
    let broken = [(502, "<html>", &[] as &[_]); 50];
    let (found, sent) = outcome(&client(&broken)).await;
    assert!(matches!(found, Err(Error::Unavailable(_))), "{found:?}");
    assert_eq!(sent, u64::from(ATTEMPTS));
    let slow = [(503, r#"{"errors":[{"message":"Request timed out"}]}"#, &[] as &[_]); 50];
    let (found, sent) = outcome(&client(&slow)).await;
    assert!(matches!(found, Err(Error::TooMuch(_))), "{found:?}");
    assert_eq!(sent, u64::from(SLOW_ATTEMPTS), "less is asked for soon");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_something_before_gitlab_is_tried_again_and_then_named() {
    let page = (403, "<title>Attention Required! | Cloudflare</title>", &[] as &[_]);
    let (found, sent) = outcome(&client(&[page])).await;
    assert!(found.is_ok() && sent == 2, "{found:?} after {sent}");
    let refusing = client(&[page; 50]);
    let (found, sent) = outcome(&refusing).await;
    assert!(
        matches!(&found, Err(Error::Blocked(said)) if said.contains("Cloudflare")),
        "{found:?}"
    );
    assert_eq!(sent, u64::from(SLOW_ATTEMPTS));
    let listed = refusing
        .page("branches", "projects/7/repository/branches", Patience::Full)
        .await;
    assert!(matches!(listed, Err(Error::Blocked(_))), "{listed:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_of_a_token_is_not_wrong() {
    use crate::gitlab::TokenFacts;
    for refusal in [
        (400, r#"{"error":"400 Bad request"}"#),
        (401, r#"{"message":"401 Unauthorized"}"#),
        (403, r#"{"error":"insufficient_scope"}"#),
        (403, r#"{"error":"insufficient_granular_scope"}"#),
        (404, r#"{"message":"404 Not Found"}"#),
    ] {
        let facts = TokenFacts::ask(&client(&[(refusal.0, refusal.1, &[] as &[_]); 20])).await;
        assert!(matches!(facts, Ok(None)), "{refusal:?}: {facts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let client = client(&[(429, "Retry later", &[("retry-after", "17")])]);
    let begun = tokio::time::Instant::now();
    let (found, sent) = outcome(&client).await;
    assert!(found.is_ok() && sent == 2, "{found:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(17));
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_out_as_long_as_its_headers_say_but_not_beyond_the_deadline() {
    let headers: &[_] = &[
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", "784111837"),
    ];
    let begun = tokio::time::Instant::now();
    let (found, sent) = outcome(&client(&[(429, "Retry later", headers)])).await;
    assert!(found.is_ok() && sent == 2, "{found:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(60));

    for (seconds, waits) in [(3000, true), (50, false)] {
        let client = client(&[(429, "Retry later", &[("retry-after", "700")])]);
        let begun = tokio::time::Instant::now();
        let waiting = client.wait_until(begun + Duration::from_secs(seconds));
        let (found, sent) = outcome(&client).await;
        drop(waiting);
        let waited = begun.elapsed().as_secs();
        assert_eq!(
            (found.is_ok(), sent, waited),
            (waits, 1 + u64::from(waits), 700 * u64::from(waits))
        );
    }
}

/// A GitLab that answers all with this body, as it is compressed.
fn compressed(body: Vec<u8>) -> Url {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 65_536]);
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length:";
            let _ = write!(stream, "{head} {length}\r\n\r\n").and_then(|()| stream.write_all(&body));
        }
    });
    Url::parse(&url).expect("an address")
}

#[tokio::test]
async fn an_answer_that_grows_beyond_32_mib_is_not_taken_and_less_is_asked_for() {
    let answer = |spaces: usize| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let text = format!("{}{}", WELL.1, " ".repeat(spaces));
        std::io::Write::write_all(&mut writer, text.as_bytes()).expect("memory");
        writer.finish().expect("memory")
    };
    for (spaces, fits) in [(30 << 20, true), (33 << 20, false)] {
        let answer = answer(spaces);
        assert!(answer.len() < 1 << 20, "little is sent of it");
        let client = Client::new(&compressed(answer), Secret::new("glpat-some"), None).expect("a client");
        let (found, sent) = outcome(&client).await;
        assert_eq!((found.is_ok(), sent), (fits, 1), "{spaces}");
        assert!(fits || matches!(found, Err(Error::TooMuch(_))), "{found:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = Url::parse(&format!("http://{}", listener.local_addr().expect("an address"))).expect("an address");
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        // The first one ends without an answer, the second in the middle of one.
        for nth in 0..3 {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let _ = stream.read(&mut [0; 65_536]);
            if nth == 0 {
                continue;
            }
            let length = WELL.1.len();
            let body = if nth == 1 { &WELL.1[..10] } else { WELL.1 };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    let client = Client::new(&url, Secret::new("glpat-some"), None).expect("a client");
    let (found, sent) = outcome(&client).await;
    assert!(found.is_ok() && sent == 3, "{found:?} after {sent}");
}

/// GitLab and Secret Manager at one address. The secret's first version is one that GitLab no longer takes.
async fn rotated() -> (String, Arc<AtomicUsize>) {
    async fn secret(Path(_): Path<String>, State(reads): State<Arc<AtomicUsize>>) -> Json<Value> {
        // Base64 of "glpat-old" and "glpat-new", as Google's JSON has bytes.
        let data = match reads.fetch_add(1, Ordering::SeqCst) {
            0 => "Z2xwYXQtb2xk",
            _ => "Z2xwYXQtbmV3",
        };
        Json(json!({"name": "x", "payload": {"data": data}}))
    }
    async fn graphql(headers: axum::http::HeaderMap) -> (StatusCode, &'static str) {
        match headers.get("authorization").and_then(|value| value.to_str().ok()) {
            Some("Bearer glpat-new") => (StatusCode::OK, WELL.1),
            _ => (StatusCode::UNAUTHORIZED, r#"{"errors":[{"message":"Invalid token"}]}"#),
        }
    }
    let reads = Arc::new(AtomicUsize::new(0));
    let router = Router::new()
        .route("/v1/{*name}", get(secret))
        .route("/api/graphql", post(graphql))
        .with_state(reads.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, reads)
}

#[tokio::test]
async fn a_token_that_changed_in_secret_manager_is_picked_up_without_a_restart() {
    let (address, reads) = rotated().await;
    let token = Secret::referring(Reference::parse("sm://projects/p/secrets/gitlab").expect("valid"));
    let manager = SecretManager::connect(Some(&address)).await.expect("a client");
    manager.resolve("GITLAB_TOKEN", &token).await.expect("resolved");
    let url = Url::parse(&format!("http://{address}")).expect("an address");
    let client = Client::new(&url, token, None).expect("a client");
    let (found, sent) = outcome(&client).await;
    assert!(found.is_ok() && sent == 2, "{found:?} after {sent}");
    assert_eq!(reads.load(Ordering::SeqCst), 2, "it was read again when it was refused");
}

#[test]
fn a_clock_that_is_ahead_is_not_believed_and_one_that_is_behind_is() {
    let told = |at: SystemTime| {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, httpdate::fmt_http_date(at).parse().expect("a header"));
        clock(&headers)
    };
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();
    assert!(told(now + hour) <= OffsetDateTime::now_utc());
    assert!(told(now - hour) <= OffsetDateTime::from(now - hour));
    assert!(clock(&HeaderMap::new()) >= OffsetDateTime::from(now));
}
