//! The connector's routes.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Extension, Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::function::{RequestBytes, Shutdown, TraceContext};
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
    if let Some(tokens) = syncer.tokens() {
        tokens.check(&headers).await?;
    }
    if !body.trim_ascii().is_empty() && !serde_json::from_slice::<Value>(&body).is_ok_and(|body| body.is_object()) {
        return Err(ApiError::bad_request(
            "invalid_json",
            "the body is neither empty nor a JSON object",
        ));
    }
    syncer.sync(shutdown, trace).await.map(Json)
}
