//! What became of runs, and ending one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use serde_json::{Value, json};

use super::Function;
use crate::runs::Entry;

/// How many runs are listed.
const LISTED: usize = 50;

/// `GET /runs`: the last ones, the newest first.
pub async fn list(
    State(function): State<Arc<Function>>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    function.door.enter_with_browser(&method, &headers).await?;
    let runs: Vec<Value> = function
        .queue
        .runs()
        .last(LISTED)
        .iter()
        .map(|entry| brief(entry))
        .collect();
    Ok(Json(json!({"runs": runs})).into_response())
}

/// `GET /runs/{id}`.
pub async fn one(
    State(function): State<Arc<Function>>,
    Path(run_id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    function.door.enter_with_browser(&method, &headers).await?;
    let entry = function.queue.runs().get(&run_id).ok_or_else(unknown)?;
    Ok(Json(whole(&entry)).into_response())
}

/// `POST /runs/{id}/cancel`: ends a run that waits or runs; 202, since dbt takes a moment.
pub async fn cancel(
    State(function): State<Arc<Function>>,
    Path(run_id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = function.door.enter_with_browser(&method, &headers).await?;
    let entry = function.queue.runs().get(&run_id).ok_or_else(unknown)?;
    if entry.ended().is_some() {
        let message = format!("the run has ended already: {}", entry.state());
        return Err(ApiError::new(StatusCode::CONFLICT, "run_ended", message));
    }
    tracing::warn!(run_id, caller = caller.name(), "the run is being cancelled");
    entry.cancel.cancel();
    let answer = json!({"status": "cancelling", "run_id": entry.run_id, "url": format!("/runs/{}", entry.run_id)});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "unknown_run", "there is no such run here")
        .with_hint("GET /runs lists those that are known")
}

/// A run in a list.
fn brief(entry: &Entry) -> Value {
    let mut told = entry.describe();
    if let Some(run) = entry.ended() {
        told["elapsed_s"] = json!(run.elapsed.as_secs_f64());
        told["counts"] = json!(run.results.counts);
        told["problem"] = json!(run.problem());
    }
    told
}

/// A run with its nodes.
fn whole(entry: &Entry) -> Value {
    let mut told = entry.describe();
    if let Some(run) = entry.ended() {
        let source = told["source"].as_str().unwrap_or_default().to_owned();
        let body = run.body(run.status(), &source);
        if let (Value::Object(told), Value::Object(body)) = (&mut told, body) {
            told.extend(body);
        }
        told["problem"] = json!(run.problem());
    }
    let (callers, _) = entry.callers();
    told["called_by"] = callers
        .iter()
        .map(|asked| json!({"source": asked.source, "caller": asked.caller}))
        .collect();
    told
}
