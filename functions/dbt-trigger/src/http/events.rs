//! Callers that tell about something and do not wait for dbt.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use mergemind_shared::auth;
use mergemind_shared::function::read_body;
use serde_json::json;

use super::Function;
use crate::door::Caller;
use crate::door::fivetran::{Event, Signature};
use crate::event::Pushed;
use crate::order::Order;

/// `POST /fivetran`: the webhook.
pub async fn fivetran(State(function): State<Arc<Function>>, request: Request<Body>) -> Result<Response, ApiError> {
    let secret = function.door.fivetran_secret().await?;
    let Some(signature) = Signature::from_headers(request.headers()) else {
        let refusal = auth::refused("there is no X-Fivetran-Signature-256 of 64 hexadecimal digits");
        return Err(function.door.refuse(refusal).await);
    };
    // The body shows who it is, so it is read before that is known: few at a time, and none too large.
    let Ok(_permit) = function.unknown_bodies.try_acquire() else {
        let busy = ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many webhook calls at once",
        );
        return Err(busy.with_header(RETRY_AFTER, HeaderValue::from_static("5")));
    };
    let body = read_body(request.into_body()).await?;
    let known = signature.is_of(&body, secret) || (secret.renew().await && signature.is_of(&body, secret));
    if !known {
        return Err(function
            .door
            .refuse(auth::refused("the signature is not this body's"))
            .await);
    }
    match Event::read(&body) {
        Event::Ignored(reason) => Ok(ignored(&reason)),
        Event::Synced { sync_id, connector } => {
            let id = format!("fivetran#{sync_id}");
            let order = Order {
                source: format!("fivetran:{connector}"),
                ..Order::default()
            };
            once(&function, &id, &order, &Caller::Fivetran, false).await
        }
    }
}

/// An event that Google has pushed.
pub async fn pushed(
    function: &Arc<Function>,
    pushed: Pushed,
    caller: &Caller,
    wait: bool,
) -> Result<Response, ApiError> {
    let mut fields = pushed.order;
    fields.entry("source").or_insert_with(|| pushed.origin.into());
    match Order::from_fields(fields, &function.targets) {
        Ok(order) => once(function, &pushed.id, &order, caller, wait).await,
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
    order: &Order,
    caller: &Caller,
    wait: bool,
) -> Result<Response, ApiError> {
    if !function.seen.is_new(id) {
        return Ok(ignored("this event was taken already"));
    }
    let entry = match function.submit(order, caller) {
        Ok(entry) => entry,
        Err(error) => {
            function.seen.forget(id);
            return Err(error);
        }
    };
    // In the background, since a caller may hang up.
    let (function, id, of) = (function.clone(), id.to_owned(), entry.clone());
    let ended = tokio::spawn(async move {
        let run = of.wait().await;
        if run.was_given_up() {
            tracing::warn!(
                run_id = run.run_id,
                event = id,
                "an event's run was given up; its next delivery is taken"
            );
            function.seen.forget(&id);
        }
        run
    });
    if !wait {
        return Ok((StatusCode::ACCEPTED, Json(entry.describe())).into_response());
    }
    let run = ended.await.map_err(ApiError::internal)?;
    match run.answer(&order.source, false) {
        Err(error) if run.was_given_up() => Err(error),
        _ => Ok(Json(run.body(run.status(), &order.source)).into_response()),
    }
}

fn ignored(reason: &str) -> Response {
    tracing::info!(reason, "an event starts no run");
    Json(json!({"status": "ignored", "reason": reason})).into_response()
}
