//! The connector's routes.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::routing::get;
use axum::{Extension, Json, Router};
use mergemind_shared::function::{RequestBytes, Shutdown, TraceContext};
use mergemind_shared::{ApiError, Secret};
use serde_json::{Value, json};

use crate::sync::Syncer;

/// All routes.
pub fn routes(syncer: Syncer) -> Router {
    Router::new().route("/", get(describe).post(sync)).with_state(syncer)
}

/// `GET /`: what this is. It runs nothing.
async fn describe() -> Json<Value> {
    Json(json!({
        "service": "gitlab-connector",
        "version": env!("CARGO_PKG_VERSION"),
        "routes": {"POST /": "sync GitLab into BigQuery, then have dbt run", "GET /healthz": "whether this process answers"},
    }))
}

/// `POST /`: one sync. The body may be empty or any JSON object, such as a scheduler's.
async fn sync(
    State(syncer): State<Syncer>,
    Extension(shutdown): Extension<Shutdown>,
    Extension(trace): Extension<TraceContext>,
    headers: HeaderMap,
    RequestBytes(body): RequestBytes,
) -> Result<Json<Value>, ApiError> {
    if let Some(token) = syncer.auth_token() {
        check(token, &headers)?;
    }
    if !body.trim_ascii().is_empty() && !serde_json::from_slice::<Value>(&body).is_ok_and(|body| body.is_object()) {
        return Err(ApiError::bad_request(
            "invalid_json",
            "the body is neither empty nor a JSON object",
        ));
    }
    syncer.sync(shutdown, trace).await.map(Json)
}

fn check(token: &Secret, headers: &HeaderMap) -> Result<(), ApiError> {
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match shown {
        Some(shown) if token.matches(shown) => Ok(()),
        _ => Err(ApiError::unauthorized(
            "this needs the header Authorization: Bearer <AUTH_TOKEN>",
        )),
    }
}
