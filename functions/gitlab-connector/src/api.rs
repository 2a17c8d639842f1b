//! The connector's routes.

mod body;
mod browser;
mod door;
#[cfg(test)]
mod fuzz;
mod settings;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::{Parts, Request as HttpRequest};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{Shutdown, TraceContext, read_body_up_to};
use mergemind_shared::unproven::UnprovenBodies;
use serde_json::{Value, json};

use crate::fivetran::{self, FivetranCall};
use crate::sync::{LIMIT_FIELDS, REQUEST_FIELDS, Request, Syncer};
use crate::webhook::Webhooks;
use door::Door;

/// The largest body of a known caller, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// What the routes share.
struct Connector {
    syncer: Syncer,
    door: Door,
    webhooks: Webhooks,
    unproven: UnprovenBodies,
}

/// All routes.
pub fn routes(syncer: Syncer) -> Router {
    let connector = Connector {
        door: Door::new(syncer.config().callers.clone()),
        webhooks: Webhooks::new(syncer.clone()),
        unproven: UnprovenBodies::default(),
        syncer,
    };
    Router::new()
        .route("/", get(describe).post(sync))
        .route("/fivetran", post(fivetran))
        .route("/webhook", post(webhook))
        .with_state(Arc::new(connector))
}

/// `GET /`: what this is. It runs nothing.
async fn describe() -> Json<Value> {
    Json(json!({
        "service": "gitlab-connector",
        "version": env!("CARGO_PKG_VERSION"),
        "routes": {
            "POST /": "sync GitLab into BigQuery, then have dbt run",
            "POST /fivetran": "answer Fivetran with the rows that moved",
            "POST /webhook": "take a webhook of GitLab, and write what it names",
            "GET /health": "whether this process answers",
        },
    }))
}

/// `POST /`: one sync. The body may be empty, or narrow what is synced.
async fn sync(
    State(connector): State<Arc<Connector>>,
    Extension(shutdown): Extension<Shutdown>,
    Extension(trace): Extension<TraceContext>,
    request: HttpRequest<Body>,
) -> Result<Json<Value>, ApiError> {
    let (parts, body) = request.into_parts();
    // First of all: who may not ask can't make us read a body.
    connector.door.admit(&parts).await?;
    let mut body = body::fields(&read_body_up_to(body, BODY_LIMIT).await?)?;
    // Cloud Scheduler and other callers may say who they are.
    body.remove("source");
    let mut request = Request::take(&mut body)?;
    let syncer = &connector.syncer;
    let config = syncer.config();
    if config.settings_in_body {
        if body.is_empty() {
            return syncer.sync(&request, shutdown, trace).await.map(Json);
        }
        let syncer = settings::configured(syncer, &body).await?;
        return syncer.sync(&request, shutdown, trace).await.map(Json);
    }
    request.take_limits(&mut body, &config.options)?;
    if let Some(name) = body.keys().next() {
        return Err(body::not_allowed(name, &[&REQUEST_FIELDS[..], &LIMIT_FIELDS].concat()));
    }
    syncer.sync(&request, shutdown, trace).await.map(Json)
}

/// `POST /webhook`: one delivery of GitLab.
async fn webhook(
    State(connector): State<Arc<Connector>>,
    Extension(shutdown): Extension<Shutdown>,
    request: HttpRequest<Body>,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let stranger = connector.door.stranger(&parts);
    match connector.webhooks.take(&parts.headers, body, stranger, shutdown).await {
        Err(refusal) if [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&refusal.status()) => {
            Err(connector.door.refuse(&parts, refusal).await)
        }
        answer => answer,
    }
}

/// `POST /fivetran`: one call of Fivetran's function connector, or of our connector for its SDK.
async fn fivetran(
    State(connector): State<Arc<Connector>>,
    Extension(shutdown): Extension<Shutdown>,
    request: HttpRequest<Body>,
) -> Result<Json<Value>, ApiError> {
    let (parts, body) = request.into_parts();
    let call = known_call(&connector, &parts, body).await?;
    fivetran::answer(&connector.syncer, call, shutdown).await.map(Json)
}

/// A call of somebody who may have rows. Function connectors can't send a header of their own: their token stands in the
/// body, which is then read before it is known whose it is.
async fn known_call(connector: &Connector, parts: &Parts, body: Body) -> Result<FivetranCall, ApiError> {
    if connector.door.is_reader(parts).await? {
        return FivetranCall::read(&read_body_up_to(body, BODY_LIMIT).await?);
    }
    let call = FivetranCall::read(&connector.unproven.read(body).await?);
    let shown = call.as_ref().ok().and_then(FivetranCall::token);
    connector.door.admit_reader(parts, shown).await?;
    call
}
