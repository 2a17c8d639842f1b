//! What the routes share, and what several of them do.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use mergemind_shared::dedup::RecentIds;
use mergemind_shared::throttle::address_of;
use mergemind_shared::unproven::UnprovenBodies;
use serde_json::Value;

use super::answer::answer;
use crate::auth::{Authenticator, Caller};
use crate::config::{Config, RunnerKind};
use crate::queue::Queue;
use crate::records::{Artifacts, History};
use crate::request::RunRequest;
use crate::run::{CalledBy, Run, RunView};

/// The longest `sync_info` that is logged, in characters.
const LOGGED_INFO: usize = 1_000;

/// Fivetran delivers an event again for 24 hours.
const EVENT_LIFETIME: Duration = Duration::from_secs(25 * 3_600);
/// The most events that are remembered.
const EVENTS: usize = 20_000;

/// What the routes share.
pub struct Function {
    pub(super) auth: Authenticator,
    pub(super) queue: Queue,
    pub(super) artifacts: Artifacts,
    pub(super) history: Option<History>,
    /// Events that were taken: they come again, when an answer was lost or somebody repeats them.
    pub(super) events: RecentIds,
    pub(super) unproven: UnprovenBodies,
    on_cloud_run: bool,
    pub(super) fail_on_test_failure: bool,
    pub(super) targets: Vec<String>,
    pub(super) kind: RunnerKind,
}

/// What the head of a request says of who sends it.
pub struct Sender {
    pub method: Method,
    pub headers: HeaderMap,
    /// See [`address_of`].
    pub address: Option<IpAddr>,
}

impl Sender {
    /// From the head of a request to `function`.
    pub fn of(parts: &Parts, function: &Function) -> Self {
        Self {
            method: parts.method.clone(),
            headers: parts.headers.clone(),
            address: address_of(&parts.extensions, &parts.headers, function.on_cloud_run),
        }
    }
}

impl FromRequestParts<Arc<Function>> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, function: &Arc<Function>) -> Result<Self, Infallible> {
        Ok(Self::of(parts, function))
    }
}

impl Function {
    /// Lets a program in.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub(super) async fn authenticate(&self, sender: &Sender) -> Result<Caller, ApiError> {
        self.auth.authenticate(&sender.headers, sender.address).await
    }

    /// Lets a person's browser in, too.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate_browser`].
    pub(super) async fn authenticate_browser(&self, sender: &Sender) -> Result<Caller, ApiError> {
        let Sender {
            method,
            headers,
            address,
        } = sender;
        self.auth.authenticate_browser(method, headers, *address).await
    }

    /// As configured.
    ///
    /// # Errors
    /// If TLS can't be started.
    pub fn new(
        config: Config,
        queue: Queue,
        artifacts: Artifacts,
        history: Option<History>,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            auth: Authenticator::new(&config.callers)?,
            queue,
            artifacts,
            history,
            events: RecentIds::new(EVENTS, EVENT_LIFETIME),
            unproven: UnprovenBodies::default(),
            on_cloud_run: config.callers.on_cloud_run,
            fail_on_test_failure: config.fail_on_test_failure,
            targets: config.dbt.targets,
            kind: config.dbt.kind,
        })
    }

    /// Puts an order into the queue.
    ///
    /// # Errors
    /// 503 `stopping` or `busy`.
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
            event = "run_requested",
            source,
            run_id,
            action,
            sync_info = info,
            "'{source}' asks for a dbt run"
        );
        Ok(run)
    }

    /// The run's result, or, not waiting for it, where it will be.
    ///
    /// # Errors
    /// What became of the run, if it did not go well.
    pub(super) async fn answer(&self, run: &Run, source: &str, wait: bool) -> Result<Response, ApiError> {
        if !wait {
            return Ok((StatusCode::ACCEPTED, Json(RunView::brief(run))).into_response());
        }
        let result = run.wait().await;
        answer(&result, source, self.fail_on_test_failure).map(|answer| Json(answer).into_response())
    }
}
