//! The routes.

mod events;
mod runs;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::function::read_body;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::NAME;
use crate::artifacts::Artifacts;
use crate::config::{Config, RunnerKind};
use crate::door::{Caller, Door, fivetran};
use crate::event::{self, Seen};
use crate::history::History;
use crate::order::{Action, Order};
use crate::queue::Queue;
use crate::runs::{Asked, Entry};

/// The longest `sync_info` that is logged, in characters.
const LOGGED_INFO: usize = 1_000;
/// How many bodies are read at once of callers who must send one to show who they are.
const UNKNOWN_BODIES: usize = 16;

/// What the routes share.
pub struct Function {
    door: Door,
    queue: Queue,
    artifacts: Artifacts,
    history: Option<History>,
    seen: Seen,
    unknown_bodies: Semaphore,
    fail_on_test_failure: bool,
    targets: Vec<String>,
    kind: RunnerKind,
}

#[derive(Debug, Deserialize)]
struct Wait {
    wait: Option<bool>,
}

/// All routes. (The shim answers `GET /health`.)
///
/// # Errors
/// If TLS can't be started.
pub fn router(config: Config, queue: Queue, artifacts: Artifacts, history: Option<History>) -> Result<Router, String> {
    let function = Function {
        door: Door::new(&config.callers)?,
        queue,
        artifacts,
        history,
        seen: Seen::default(),
        unknown_bodies: Semaphore::new(UNKNOWN_BODIES),
        fail_on_test_failure: config.fail_on_test_failure,
        targets: config.dbt.targets,
        kind: config.dbt.kind,
    };
    Ok(Router::new()
        .route("/", get(describe).post(order))
        .route("/fivetran", post(events::fivetran))
        .route("/runs", get(runs::list))
        .route("/runs/{run_id}", get(runs::one))
        .route("/runs/{run_id}/cancel", post(runs::cancel))
        .route("/runs/{run_id}/artifacts/{name}", get(runs::artifact))
        .with_state(Arc::new(function)))
}

/// `POST /`: an order, or an event that is one.
async fn order(
    State(function): State<Arc<Function>>,
    Query(Wait { wait }): Query<Wait>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    if request.headers().contains_key(fivetran::SIGNATURE) {
        return events::fivetran(State(function), request).await;
    }
    // First of all: who may not ask learns nothing, and can't make us read a body.
    let caller = function.door.enter(request.headers()).await?;
    let (parts, body) = request.into_parts();
    let body = read_body(body).await?;
    check_content_type(&parts.headers, &body)?;
    match event::read(&parts.headers, &body) {
        Ok(Some(pushed)) => events::pushed(&function, pushed, &caller, wait.unwrap_or(false)).await,
        Err(problem) => Ok(events::unusable(&problem)),
        Ok(None) => {
            let order = Order::parse(&body, &function.targets)?;
            let entry = function.submit(&order, &caller)?;
            function.answer(&entry, &order.source, wait.unwrap_or(true)).await
        }
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

impl Function {
    /// Puts an order into the queue.
    fn submit(&self, order: &Order, caller: &Caller) -> Result<Arc<Entry>, ApiError> {
        let asked = Asked {
            source: order.source.clone(),
            caller: caller.name(),
        };
        let entry = self.queue.submit(order, asked)?;
        let info = Value::Object(order.sync_info.clone()).to_string();
        let info: String = info.chars().take(LOGGED_INFO).collect();
        let (source, run_id, action) = (&order.source, &entry.run_id, order.action.name());
        tracing::info!(
            source,
            run_id,
            action,
            sync_info = info,
            "'{source}' asks for a dbt run"
        );
        Ok(entry)
    }

    /// The run's result, or, not waiting for it, where it will be.
    async fn answer(&self, entry: &Entry, source: &str, wait: bool) -> Result<Response, ApiError> {
        if !wait {
            return Ok((StatusCode::ACCEPTED, Json(entry.describe())).into_response());
        }
        let run = entry.wait().await;
        run.answer(source, self.fail_on_test_failure)
            .map(|answer| Json(answer).into_response())
    }
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
            "GET /": "this text",
            "GET /health": "whether the function listens",
        },
    }))
}
