//! Callers that tell about something and do not wait for dbt.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use mergemind_shared::auth;
use serde_json::json;

use super::answer::answer;
use super::function::{Function, Sender};
use crate::auth::Caller;
use crate::auth::fivetran::{FivetranSignature, SyncEvent};
use crate::request::RunRequest;
use crate::request::event::PushedEvent;
use crate::run::RunView;

/// `POST /fivetran`: the webhook.
///
/// # Errors
/// 401 without a valid signature, 408 or 503 if its body does not come in time, 503 if no more runs are taken.
pub async fn fivetran(State(function): State<Arc<Function>>, request: Request<Body>) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let from = Sender::of(&parts, &function).address;
    let secret = function.auth.fivetran_secret(from).await?;
    let Some(signature) = FivetranSignature::from_headers(&parts.headers) else {
        let refusal = auth::refused("there is no X-Fivetran-FivetranSignature-256 of 64 hexadecimal digits");
        return Err(function.auth.refuse(from, refusal).await);
    };
    // The body shows who it is, so it is read before that is known.
    let body = function.unproven.read(body).await?;
    let known = signature.is_of(&body, secret) || (secret.renew().await && signature.is_of(&body, secret));
    if !known {
        let refusal = auth::refused("the signature is not this body's");
        return Err(function.auth.refuse(from, refusal).await);
    }
    match SyncEvent::read(&body) {
        SyncEvent::Ignored(reason) => Ok(ignored(&reason)),
        SyncEvent::Synced { sync_id, connector } => {
            let id = format!("fivetran#{sync_id}");
            let request = RunRequest {
                source: format!("fivetran:{connector}"),
                ..RunRequest::default()
            };
            once(&function, &id, &request, &Caller::Fivetran, false).await
        }
    }
}

/// An event that Google has pushed.
///
/// # Errors
/// 503 if no more runs are taken; with `wait`, also what the event has to be delivered again for.
pub async fn pushed(
    function: &Arc<Function>,
    pushed: PushedEvent,
    caller: &Caller,
    wait: bool,
) -> Result<Response, ApiError> {
    let mut fields = pushed.request;
    fields.entry("source").or_insert_with(|| pushed.origin.into());
    match RunRequest::from_fields(fields, &function.targets) {
        Ok(request) => once(function, &pushed.id, &request, caller, wait).await,
        Err(problem) => Ok(unusable(&problem.to_string())),
    }
}

/// Told as good news, because whoever pushes events repeats what is answered with an error, for days.
pub fn unusable(problem: &str) -> Response {
    tracing::error!("an event can't be used and is dropped: {problem}");
    ignored(problem)
}

/// Takes an event, unless it was taken already. With `wait`, the answer comes after the run, and is an error
/// only if the event must be delivered again; whatever dbt itself says is in a good answer.
async fn once(
    function: &Arc<Function>,
    id: &str,
    request: &RunRequest,
    caller: &Caller,
    wait: bool,
) -> Result<Response, ApiError> {
    if !function.events.insert(id) {
        return Ok(ignored("this event was taken already"));
    }
    let run = match function.submit(request, caller) {
        Ok(run) => run,
        Err(error) => {
            function.events.remove(id);
            return Err(error);
        }
    };
    // In the background, since a caller may hang up.
    let (function, id, of) = (function.clone(), id.to_owned(), run.clone());
    let ended = tokio::spawn(async move {
        let result = of.wait().await;
        if result.was_given_up() {
            tracing::warn!(
                run_id = result.run_id,
                event = "event_given_up",
                event_id = id,
                "an event's run was given up; its next delivery is taken"
            );
            function.events.remove(&id);
        }
        result
    });
    if !wait {
        return Ok((StatusCode::ACCEPTED, Json(RunView::brief(&run))).into_response());
    }
    let result = ended.await.map_err(ApiError::internal)?;
    match answer(&result, &request.source, false) {
        Err(error) if result.was_given_up() => Err(error),
        _ => Ok(Json(RunView::answer(&result, result.status(), &request.source)).into_response()),
    }
}

fn ignored(reason: &str) -> Response {
    tracing::info!(reason, "an event starts no run");
    Json(json!({"status": "ignored", "reason": reason})).into_response()
}
