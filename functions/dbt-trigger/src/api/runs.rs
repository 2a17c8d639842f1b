//! What became of runs, as JSON or as pages, and ending one.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use serde_json::json;

use super::function::{Function, Sender};
use super::pages;
use crate::records::{DOCS, REPORT, RUN};
use crate::request::Action;
use crate::run::{RunView, url_of};

/// How many runs are listed.
const LISTED: usize = 50;
/// Among how many runs of the history the newest page is looked for.
const LOOKED_AT: usize = 5;

type SharedFunction = State<Arc<Function>>;

/// `GET /runs`: the last ones, the newest first; with a history, those of all instances.
///
/// # Errors
/// 401 or 403 if the sender may not see it.
pub async fn list(State(function): SharedFunction, sender: Sender) -> Result<Response, ApiError> {
    function.authenticate_browser(&sender).await?;
    let own = function.queue.runs().last(LISTED);
    let mut runs: Vec<RunView> = own.iter().map(|run| RunView::brief(run)).collect();
    if let Some(history) = &function.history {
        match history.last(LISTED).await {
            Ok(recorded) => {
                // What this process knows itself is newer.
                let is_new = |run: &RunView| own.iter().all(|known| known.run_id != run.run_id);
                runs.extend(recorded.into_iter().filter(is_new));
                // Ids begin with the time.
                runs.sort_by(|a, b| b.run_id.cmp(&a.run_id));
                runs.truncate(LISTED);
            }
            Err(problem) => tracing::warn!("the history can't be read: {problem}"),
        }
    }
    if pages::is_wanted(&sender.headers) {
        return Ok(pages::list(&runs));
    }
    Ok(Json(json!({"runs": runs})).into_response())
}

/// `GET /runs/{id}`.
///
/// # Errors
/// 401 or 403 if the sender may not see it, 404 if there is no such run, 500 if the history can't be read.
pub async fn one(
    State(function): SharedFunction,
    Path(run_id): Path<String>,
    sender: Sender,
) -> Result<Response, ApiError> {
    function.authenticate_browser(&sender).await?;
    let mut view = match function.queue.runs().get(&run_id) {
        Some(run) => RunView::whole(&run),
        None => function.recorded(&run_id).await?.ok_or_else(unknown)?,
    };
    let artifacts = function.artifacts.names(&run_id).await;
    if pages::is_wanted(&sender.headers) {
        return Ok(pages::run(&view, &artifacts));
    }
    view.artifacts = Some(artifacts.into_iter().map(Into::into).collect());
    Ok(Json(view).into_response())
}

impl Function {
    /// What is written down about a run before this process's time, or of another instance.
    async fn recorded(&self, run_id: &str) -> Result<Option<RunView>, ApiError> {
        let read = |kept: Option<(Vec<u8>, _)>| serde_json::from_slice(&kept?.0).ok();
        let kept = self.artifacts.read(run_id, RUN).await.map(read);
        let Some(history) = &self.history else {
            return kept.map_err(ApiError::internal);
        };
        match kept {
            Ok(Some(view)) => return Ok(Some(view)),
            Ok(None) => {}
            Err(problem) => tracing::warn!(run_id, "the run's summary can't be read: {problem}"),
        }
        history.one(run_id).await.map_err(ApiError::internal)
    }
}

/// `GET /runs/{id}/artifacts/{name}`: one of dbt's files.
///
/// # Errors
/// 401 or 403 if the sender may not see it, 404 if there is no such file, 500 if it can't be read.
pub async fn artifact(
    State(function): SharedFunction,
    Path((run_id, name)): Path<(String, String)>,
    sender: Sender,
) -> Result<Response, ApiError> {
    function.authenticate_browser(&sender).await?;
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

/// `GET /docs`: the newest documentation.
///
/// # Errors
/// 401 or 403 if the sender may not see it, 404 if there is none, 500 if it can't be read.
pub async fn docs(State(function): SharedFunction, sender: Sender) -> Result<Response, ApiError> {
    function.authenticate_browser(&sender).await?;
    function.newest(DOCS).await
}

/// `GET /report`: the newest report.
///
/// # Errors
/// 401 or 403 if the sender may not see it, 404 if there is none, 500 if it can't be read.
pub async fn report(State(function): SharedFunction, sender: Sender) -> Result<Response, ApiError> {
    function.authenticate_browser(&sender).await?;
    function.newest(REPORT).await
}

impl Function {
    /// What the last run of the documentation that left this file, on whichever instance, has left.
    async fn newest(&self, name: &str) -> Result<Response, ApiError> {
        let own = self.queue.runs().last(usize::MAX).into_iter();
        let own = own.filter(|run| run.action == Action::Docs && run.result().is_some());
        let mut ids: Vec<String> = own.map(|run| run.run_id.clone()).collect();
        if let Some(history) = &self.history {
            match history.last_of(Action::Docs, LOOKED_AT).await {
                Ok(recorded) => ids.extend(recorded),
                Err(problem) => tracing::warn!("the history can't be read: {problem}"),
            }
        }
        // Ids begin with the time.
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        for run_id in &ids {
            let read = self.artifacts.read(run_id, name).await;
            if let Some((content, kind)) = read.map_err(ApiError::internal)? {
                return Ok(pages::artifact(kind, content));
            }
        }
        let problem = ApiError::new(StatusCode::NOT_FOUND, "not_made", "it has not been made yet");
        Err(problem.with_hint(
            r#"a build of everything makes it, if REPORT_DIR is set, and so does POST / with {"action": "docs"}"#,
        ))
    }
}

/// `POST /runs/{id}/cancel`: ends a run that waits or runs; 202, since dbt takes a moment.
///
/// # Errors
/// 401 or 403 if the sender may not do it, 404 if this instance has no such run.
pub async fn cancel(
    State(function): SharedFunction,
    Path(run_id): Path<String>,
    sender: Sender,
) -> Result<Response, ApiError> {
    let caller = function.authenticate_browser(&sender).await?;
    let run = function.queue.runs().get(&run_id).ok_or_else(|| {
        unknown().with_hint("a run is cancelled by the instance that runs it; GET /runs/{id} tells its state")
    })?;
    let url = url_of(&run.run_id);
    if pages::is_wanted(&sender.headers) {
        run.cancel.cancel();
        return Ok((StatusCode::SEE_OTHER, [(LOCATION, url)]).into_response());
    }
    if run.result().is_some() {
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
