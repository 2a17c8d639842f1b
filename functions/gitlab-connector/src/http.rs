//! The connector's routes.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Extension, Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::function::{RequestBytes, Shutdown, TraceContext};
use serde_json::{Map, Value, json};

use crate::sync::{Request, Syncer};

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

/// `POST /`: one sync. The body may be empty, or narrow what is synced.
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
    let mut body = object(&body)?;
    let request = Request::take(&mut body)?;
    syncer.sync(&request, shutdown, trace).await.map(Json)
}

/// A body that is empty or a JSON object.
fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|_| ApiError::bad_request("invalid_json", "the body is neither empty nor a JSON object"))
}
