//! The routes.

mod answer;
mod events;
mod function;
mod pages;
mod runs;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::read_body;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::fivetran;
use crate::config::{Config, NAME, RunnerKind};
use crate::queue::Queue;
use crate::records::{Artifacts, History};
use crate::request::{Action, RunRequest, event};
use function::{Function, Sender};

#[derive(Debug, Deserialize)]
struct WaitQuery {
    wait: Option<bool>,
}

/// All routes. (The shim answers `GET /health`.)
///
/// # Errors
/// If TLS can't be started.
pub fn router(
    config: Config,
    queue: Queue,
    artifacts: Artifacts,
    history: Option<History>,
) -> Result<Router, reqwest::Error> {
    let function = Function::new(config, queue, artifacts, history)?;
    Ok(Router::new()
        .route("/", get(describe).post(request_run))
        .route("/fivetran", post(events::fivetran))
        .route("/ready", get(ready))
        .route("/docs", get(runs::docs))
        .route("/report", get(runs::report))
        .route("/runs", get(runs::list))
        .route("/runs/{run_id}", get(runs::one))
        .route("/runs/{run_id}/cancel", post(runs::cancel))
        .route("/runs/{run_id}/artifacts/{name}", get(runs::artifact))
        .with_state(Arc::new(function)))
}

/// `POST /`: a request for a run, or an event that is one.
async fn request_run(State(function): State<Arc<Function>>, request: Request<Body>) -> Result<Response, ApiError> {
    if request.headers().contains_key(fivetran::SIGNATURE) {
        return events::fivetran(State(function), request).await;
    }
    let (parts, body) = request.into_parts();
    // First of all: who may not ask learns nothing, and can't make us read a body.
    let caller = function.authenticate(&Sender::of(&parts, &function)).await?;
    let Query(WaitQuery { wait }) = Query::try_from_uri(&parts.uri).map_err(|problem| {
        ApiError::bad_request("invalid_query", problem.body_text()).with_hint("use ?wait=true or ?wait=false")
    })?;
    let body = read_body(body).await?;
    check_content_type(&parts.headers, &body)?;
    match event::read(&parts.headers, &body) {
        Ok(Some(pushed)) => events::pushed(&function, pushed, &caller, wait.unwrap_or(false)).await,
        Err(problem) => Ok(events::unusable(&problem.to_string())),
        Ok(None) => {
            let request = RunRequest::parse(&body, &function.targets)?;
            let run = function.submit(&request, &caller)?;
            function.answer(&run, &request.source, wait.unwrap_or(true)).await
        }
    }
}

/// For the startup probe, which tells nobody who he is.
async fn ready(State(function): State<Arc<Function>>) -> Result<Json<Value>, ApiError> {
    match function.queue.is_served() {
        true => Ok(Json(json!({"status": "ok"}))),
        false => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "starting",
            "dbt is being loaded",
        )),
    }
}

/// A body that does not call itself JSON is not read as such, so that no form of a web page can be one.
fn check_content_type(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let Some(kind) = headers.get(CONTENT_TYPE).filter(|_| !body.is_empty()) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    // A binary CloudEvent says what its data is, and data need not be JSON.
    if json || headers.contains_key("ce-specversion") {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_json",
        "the body's Content-Type is not application/json",
    )
    .with_hint("send JSON with the header 'Content-Type: application/json'"))
}

async fn describe(State(function): State<Arc<Function>>) -> Json<Value> {
    Json(json!({
        "service": NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Runs a dbt project: builds all models, runs all tests, and answers with the result of every node.",
        "runner": match function.kind {
            RunnerKind::Worker => "worker",
            RunnerKind::Cli => "cli",
        },
        "endpoints": {
            "POST /": {
                "header": "Authorization: Bearer <AUTH_TOKEN>",
                "body": {"source": "<who asks>", "action": Action::NAMES.join(" | "), "sync_info": {}},
                "optional": ["select", "exclude", "full_refresh", "target", "vars"],
                "query": "wait=false answers at once with the run's id; wait=true has an event answered after its run",
            },
            "POST /fivetran": "Fivetran's webhook",
            "GET /runs": "the last runs, as JSON or, for a browser, as a page",
            "GET /runs/{id}": "one run",
            "GET /runs/{id}/artifacts/{name}": "one of dbt's files, such as manifest.json",
            "POST /runs/{id}/cancel": "ends a run",
            "GET /report": "the newest report over the marts, as a page",
            "GET /docs": "the project's newest documentation, as a page",
            "GET /": "this text",
            "GET /health": "whether the function listens",
            "GET /ready": "whether dbt is loaded, or can't be: runs then begin at once",
        },
    }))
}
