//! The routes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::routing::get;
use axum::{Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::auth::Tokens;
use mergemind_shared::function::read_body;
use serde_json::{Value, json};

use crate::NAME;
use crate::config::{Config, RunnerKind};
use crate::queue::Queue;
use crate::request::{RUN_DBT, RunRequest};

/// The longest `sync_info` that is logged, in characters.
const LOGGED_INFO: usize = 1_000;

struct Function {
    tokens: Tokens,
    fail_on_test_failure: bool,
    kind: RunnerKind,
    queue: Queue,
}

/// `POST /` runs dbt, `GET /` describes the function. (The shim answers `GET /healthz`.)
pub fn router(config: Config, queue: Queue) -> Router {
    let function = Function {
        tokens: config.tokens,
        fail_on_test_failure: config.fail_on_test_failure,
        kind: config.dbt.kind,
        queue,
    };
    Router::new()
        .route("/", get(describe).post(run))
        .with_state(Arc::new(function))
}

async fn run(State(function): State<Arc<Function>>, request: Request<Body>) -> Result<Json<Value>, ApiError> {
    // First of all: who may not ask learns nothing, and can't make us read a body.
    function.tokens.check(request.headers()).await?;
    let body = read_body(request.into_body()).await?;
    let RunRequest { source, sync_info } = RunRequest::parse(&body)?;
    let info: String = Value::Object(sync_info).to_string().chars().take(LOGGED_INFO).collect();
    tracing::info!(source, sync_info = info, "'{source}' asks for a dbt run");
    let run = function.queue.run().await?;
    run.answer(&source, function.fail_on_test_failure).map(Json)
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
                "body": {"source": "<who asks>", "action": RUN_DBT, "sync_info": {}},
            },
            "GET /": "this text",
            "GET /healthz": "whether the function listens",
        },
    }))
}
