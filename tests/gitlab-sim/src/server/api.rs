//! GitLab's own API.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use futures_util::stream;
use serde_json::{Value, json};

use super::faults::Fault;
use super::{Shared, lock};
use crate::graphql;
use crate::instant::{self, SECOND};

/// GitLab's limit for authenticated users.
const MAX_COMPLEXITY: u32 = 250;
/// Requests a minute on gitlab.com. The headers tell of it; it is never enforced here without a fault.
const RATE_LIMIT: u64 = 2000;

pub async fn graphql(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let parsed: Option<Value> = serde_json::from_slice(&body).ok();
    let operation = parsed.as_ref().map(operation_name).unwrap_or_default();
    {
        let mut stats = lock(&state.stats);
        stats.requests.total += 1;
        stats.requests.graphql += 1;
        *stats.operations.entry(operation.clone()).or_default() += 1;
    }
    let (fault, wait) = {
        let mut faults = lock(&state.faults);
        let jitter = if faults.jitter_ms > 0 {
            instant::now().unsigned_abs() % faults.jitter_ms
        } else {
            0
        };
        (faults.next(&operation), faults.latency_ms + jitter)
    };
    tokio::time::sleep(Duration::from_millis(wait)).await;
    if let Some(Fault::Hang { ms }) = fault {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let (status, mut text) = match (&fault, parsed) {
        (Some(Fault::ExpiredToken), _) => unauthorized(),
        _ if !is_allowed(&state, &headers) => unauthorized(),
        (_, None) => error(StatusCode::BAD_REQUEST, "The request body is not JSON"),
        (_, Some(body)) => answer(&state, &body),
    };
    if let Some(Fault::Partial) = fault {
        text = json!({"data": {"scope": null}, "errors": [{"message": "Internal server error", "path": ["scope"]}]})
            .to_string();
    }
    if status != StatusCode::OK || fault.is_some() {
        lock(&state.stats).requests.refused += 1;
    }
    lock(&state.stats).bytes_sent += text.len() as u64;
    respond(&state, status, text, fault)
}

/// The name in `query Name(…)`, for statistics and faults.
fn operation_name(body: &Value) -> String {
    let first = if body.is_array() { &body[0] } else { body };
    if let Some(name) = first["operationName"].as_str() {
        return name.to_owned();
    }
    let query = first["query"].as_str().unwrap_or_default().trim_start();
    let rest = query.strip_prefix("query").unwrap_or_default().trim_start();
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() { "-".into() } else { name }
}

fn answer(state: &Shared, body: &Value) -> (StatusCode, String) {
    let (requests, multiplex) = match graphql::read(body) {
        Ok(read) => read,
        Err(message) => return error(StatusCode::UNPROCESSABLE_ENTITY, &message),
    };
    let world = state.world();
    let answers: Vec<graphql::Answer> = requests
        .iter()
        .map(|request| graphql::answer(&state.api, &world, request, MAX_COMPLEXITY))
        .collect();
    let mut stats = lock(&state.stats);
    for answer in &answers {
        stats.max_complexity = stats.max_complexity.max(answer.complexity);
        stats.requests.refused += u64::from(answer.failed);
    }
    let bodies: Vec<String> = answers.into_iter().map(|answer| answer.body).collect();
    let text = if multiplex {
        format!("[{}]", bodies.join(","))
    } else {
        bodies.concat()
    };
    (StatusCode::OK, text)
}

fn is_allowed(state: &Shared, headers: &HeaderMap) -> bool {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let private = headers.get("private-token").and_then(|value| value.to_str().ok());
    bearer
        .or(private)
        .is_some_and(|shown| state.tokens.iter().any(|token| token == shown))
}

fn unauthorized() -> (StatusCode, String) {
    error(StatusCode::UNAUTHORIZED, "Invalid token")
}

fn error(status: StatusCode, message: &str) -> (StatusCode, String) {
    (status, json!({"errors": [{"message": message}]}).to_string())
}

fn respond(state: &Shared, status: StatusCode, text: String, fault: Option<Fault>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    let total = lock(&state.stats).requests.total;
    let now = instant::now();
    let observed = total % RATE_LIMIT;
    for (name, value) in [
        ("ratelimit-name", "throttle_authenticated_api".to_owned()),
        ("ratelimit-limit", RATE_LIMIT.to_string()),
        ("ratelimit-observed", observed.to_string()),
        ("ratelimit-remaining", (RATE_LIMIT - observed).to_string()),
        ("ratelimit-reset", (now / SECOND - now / SECOND % 60 + 60).to_string()),
        ("x-request-id", format!("sim-{total:08}")),
        ("date", instant::print_http(now)),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    match fault {
        Some(Fault::Status {
            status,
            retry_after,
            body,
        }) => {
            *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            *response.body_mut() = Body::from(body.unwrap_or_else(|| "Retry later\n".into()));
        }
        Some(Fault::Reset) => *response.body_mut() = broken(Vec::new()),
        Some(Fault::Truncate) => *response.body_mut() = broken(text.as_bytes()[..text.len() / 2].to_vec()),
        Some(Fault::InvalidJson) => *response.body_mut() = Body::from(text[..text.len().min(1)].to_owned()),
        Some(Fault::Html) => *response.body_mut() = Body::from("<html><body>502 Bad Gateway</body></html>"),
        _ => {}
    }
    response
}

/// A body that breaks off after `start`.
fn broken(start: Vec<u8>) -> Body {
    let pieces = [
        Ok(Bytes::from(start)),
        Err(std::io::Error::other("a fault that was asked for")),
    ];
    Body::from_stream(stream::iter(pieces))
}

fn rest(state: &Shared, headers: &HeaderMap, body: &Value) -> Response<Body> {
    {
        let mut stats = lock(&state.stats);
        stats.requests.total += 1;
        stats.requests.rest += 1;
    }
    if is_allowed(state, headers) {
        return respond(state, StatusCode::OK, body.to_string(), None);
    }
    lock(&state.stats).requests.refused += 1;
    respond(
        state,
        StatusCode::UNAUTHORIZED,
        json!({"message": "401 Unauthorized"}).to_string(),
        None,
    )
}

pub async fn version(State(state): State<Shared>, headers: HeaderMap) -> Response<Body> {
    let enterprise = state.world().enterprise;
    let body = json!({"version": graphql::VERSION, "revision": graphql::REVISION, "enterprise": enterprise});
    rest(&state, &headers, &body)
}

pub async fn token(State(state): State<Shared>, headers: HeaderMap) -> Response<Body> {
    let body = json!({
        "id": 1, "name": "simulated", "revoked": false, "active": true, "scopes": ["read_api"],
        "user_id": state.world().token_user, "expires_at": null,
    });
    rest(&state, &headers, &body)
}

pub async fn unknown(State(state): State<Shared>) -> Response<Body> {
    respond(
        &state,
        StatusCode::NOT_FOUND,
        json!({"error": "404 Not Found"}).to_string(),
        None,
    )
}
