//! The connector's routes.

mod body;
#[cfg(test)]
mod fuzz;
mod settings;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{RequestBytes, Shutdown, TraceContext};
use serde_json::{Value, json};

use crate::sync::{LIMIT_FIELDS, REQUEST_FIELDS, Request, Syncer};
use crate::webhook::Webhooks;

/// All routes.
pub fn routes(syncer: Syncer) -> Router {
    let webhooks = Webhooks::new(syncer.clone());
    Router::new()
        .route("/", get(describe).post(sync))
        .route("/fivetran", post(fivetran))
        .with_state(syncer)
        .merge(Router::new().route("/webhook", post(webhook)).with_state(webhooks))
}

/// `GET /`: what this is. It runs nothing.
async fn describe() -> Json<Value> {
    Json(json!({
        "service": "gitlab-connector",
        "version": env!("CARGO_PKG_VERSION"),
        "routes": {
            "POST /": "sync GitLab into BigQuery, then have dbt run",
            "POST /fivetran": "answer Fivetran with the rows that moved",
            "POST /webhook": "take a webhook of GitLab, and write what it names",
            "GET /health": "whether this process answers",
        },
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
    let mut body = body::fields(&body)?;
    // Cloud Scheduler and other callers may say who they are.
    body.remove("source");
    let mut request = Request::take(&mut body)?;
    let config = syncer.config();
    if config.settings_in_body {
        if body.is_empty() {
            return syncer.sync(&request, shutdown, trace).await.map(Json);
        }
        let syncer = settings::configured(&syncer, &body).await?;
        return syncer.sync(&request, shutdown, trace).await.map(Json);
    }
    request.take_limits(&mut body, &config.options)?;
    if let Some(name) = body.keys().next() {
        return Err(body::not_allowed(name, &[&REQUEST_FIELDS[..], &LIMIT_FIELDS].concat()));
    }
    syncer.sync(&request, shutdown, trace).await.map(Json)
}

/// `POST /webhook`: one delivery of GitLab.
async fn webhook(
    State(webhooks): State<Webhooks>,
    Extension(shutdown): Extension<Shutdown>,
    headers: HeaderMap,
    RequestBytes(body): RequestBytes,
) -> Result<Response, ApiError> {
    webhooks.take(&headers, &body, shutdown).await
}

/// `POST /fivetran`: one call of Fivetran's function connector, or of our connector for its SDK.
async fn fivetran(
    State(syncer): State<Syncer>,
    Extension(shutdown): Extension<Shutdown>,
    headers: HeaderMap,
    RequestBytes(body): RequestBytes,
) -> Result<Json<Value>, ApiError> {
    crate::fivetran::answer(&syncer, &headers, &body, shutdown)
        .await
        .map(Json)
}
