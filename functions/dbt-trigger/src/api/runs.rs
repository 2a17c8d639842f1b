//! What became of runs, as JSON or as pages, and ending one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use serde_json::{Value, json};

use super::function::Function;
use super::pages;
use crate::records::RUN;

/// How many runs are listed.
const LISTED: usize = 50;

type Shared = State<Arc<Function>>;

/// `GET /runs`: the last ones, the newest first; with a history, those of all instances.
pub async fn list(State(function): Shared, method: Method, headers: HeaderMap) -> Result<Response, ApiError> {
    function.auth.authenticate_browser(&method, &headers).await?;
    let mut runs: Vec<Value> = function
        .queue
        .runs()
        .last(LISTED)
        .iter()
        .map(|run| run.brief())
        .collect();
    if let Some(history) = &function.history {
        match history.last(LISTED).await {
            Ok(older) => {
                // What this process knows itself is newer.
                let known: Vec<String> = runs.iter().map(|run| run["run_id"].to_string()).collect();
                runs.extend(
                    older
                        .into_iter()
                        .filter(|run| !known.contains(&run["run_id"].to_string())),
                );
                // Ids begin with the time.
                runs.sort_by_key(|run| std::cmp::Reverse(run["run_id"].to_string()));
                runs.truncate(LISTED);
            }
            Err(problem) => tracing::warn!("the history can't be read: {problem}"),
        }
    }
    if pages::is_wanted(&headers) {
        return Ok(pages::list(&runs));
    }
    Ok(Json(json!({"runs": runs})).into_response())
}

/// `GET /runs/{id}`.
pub async fn one(
    State(function): Shared,
    Path(run_id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    function.auth.authenticate_browser(&method, &headers).await?;
    let told = match function.queue.runs().get(&run_id) {
        Some(run) => run.whole(),
        None => function.recorded(&run_id).await?.ok_or_else(unknown)?,
    };
    let artifacts = function.artifacts.names(&run_id).await;
    if pages::is_wanted(&headers) {
        return Ok(pages::run(&told, &artifacts));
    }
    let mut told = told;
    told["artifacts"] = json!(artifacts);
    Ok(Json(told).into_response())
}

impl Function {
    /// What is written down about a run before this process's time, or of another instance.
    async fn recorded(&self, run_id: &str) -> Result<Option<Value>, ApiError> {
        let read = |kept: Option<(Vec<u8>, _)>| serde_json::from_slice(&kept?.0).ok();
        let kept = self.artifacts.read(run_id, RUN).await.map(read);
        let Some(history) = &self.history else {
            return kept.map_err(ApiError::internal);
        };
        match kept {
            Ok(Some(told)) => return Ok(Some(told)),
            Ok(None) => {}
            Err(problem) => tracing::warn!(run_id, "the run's summary can't be read: {problem}"),
        }
        history.one(run_id).await.map_err(ApiError::internal)
    }
}

/// `GET /runs/{id}/artifacts/{name}`: one of dbt's files.
pub async fn artifact(
    State(function): Shared,
    Path((run_id, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    function.auth.authenticate_browser(&method, &headers).await?;
    let read = function
        .artifacts
        .read(&run_id, &name)
        .await
        .map_err(ApiError::internal)?;
    let (content, kind) = read.ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "unknown_artifact", "there is no such artifact")
            .with_hint("GET /runs/{id} lists a run's artifacts")
    })?;
    Ok(pages::artifact(kind, content))
}

/// `POST /runs/{id}/cancel`: ends a run that waits or runs; 202, since dbt takes a moment.
pub async fn cancel(
    State(function): Shared,
    Path(run_id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = function.auth.authenticate_browser(&method, &headers).await?;
    let run = function.queue.runs().get(&run_id).ok_or_else(|| {
        unknown().with_hint("a run is cancelled by the instance that runs it; GET /runs/{id} tells its state")
    })?;
    let url = format!("/runs/{}", run.run_id);
    if pages::is_wanted(&headers) {
        run.cancel.cancel();
        return Ok((StatusCode::SEE_OTHER, [(LOCATION, url)]).into_response());
    }
    if run.ended().is_some() {
        let message = format!("the run has ended already: {}", run.state());
        return Err(ApiError::new(StatusCode::CONFLICT, "run_ended", message));
    }
    tracing::warn!(run_id, caller = caller.name(), "the run is being cancelled");
    run.cancel.cancel();
    let answer = json!({"status": "cancelling", "run_id": run.run_id, "url": url});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

fn unknown() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "unknown_run", "there is no such run here")
        .with_hint("GET /runs lists those that are known")
}
