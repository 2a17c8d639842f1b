//! What the routes share, and what several of them do.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::answer::answer;
use crate::auth::{Authenticator, Caller};
use crate::config::{Config, RunnerKind};
use crate::queue::Queue;
use crate::records::{Artifacts, History};
use crate::request::{RunRequest, Seen};
use crate::run::{CalledBy, Run, RunView};

/// The longest `sync_info` that is logged, in characters.
const LOGGED_INFO: usize = 1_000;
/// How many bodies are read at once of callers who must send one to show who they are.
const UNKNOWN_BODIES: usize = 16;

/// What the routes share.
pub struct Function {
    pub(super) auth: Authenticator,
    pub(super) queue: Queue,
    pub(super) artifacts: Artifacts,
    pub(super) history: Option<History>,
    pub(super) seen: Seen,
    pub(super) unknown_bodies: Semaphore,
    pub(super) fail_on_test_failure: bool,
    pub(super) targets: Vec<String>,
    pub(super) kind: RunnerKind,
}

impl Function {
    /// As configured.
    ///
    /// # Errors
    /// If TLS can't be started.
    pub fn new(config: Config, queue: Queue, artifacts: Artifacts, history: Option<History>) -> Result<Self, String> {
        Ok(Self {
            auth: Authenticator::new(&config.callers)?,
            queue,
            artifacts,
            history,
            seen: Seen::default(),
            unknown_bodies: Semaphore::new(UNKNOWN_BODIES),
            fail_on_test_failure: config.fail_on_test_failure,
            targets: config.dbt.targets,
            kind: config.dbt.kind,
        })
    }

    /// Puts an order into the queue.
    pub(super) fn submit(&self, request: &RunRequest, caller: &Caller) -> Result<Arc<Run>, ApiError> {
        let asked = CalledBy {
            source: request.source.clone(),
            caller: caller.name(),
        };
        let run = self.queue.submit(request, asked)?;
        let info = Value::Object(request.sync_info.clone()).to_string();
        let info: String = info.chars().take(LOGGED_INFO).collect();
        let (source, run_id, action) = (&request.source, &run.run_id, request.action.name());
        tracing::info!(
            source,
            run_id,
            action,
            sync_info = info,
            "'{source}' asks for a dbt run"
        );
        Ok(run)
    }

    /// The run's result, or, not waiting for it, where it will be.
    pub(super) async fn answer(&self, run: &Run, source: &str, wait: bool) -> Result<Response, ApiError> {
        if !wait {
            return Ok((StatusCode::ACCEPTED, Json(RunView::brief(run))).into_response());
        }
        let result = run.wait().await;
        answer(&result, source, self.fail_on_test_failure).map(|answer| Json(answer).into_response())
    }
}
