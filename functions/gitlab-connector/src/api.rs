//! The connector's routes.

#[cfg(test)]
mod fuzz;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use mergemind_shared::ApiError;
use mergemind_shared::config::Env;
use mergemind_shared::functions_framework::{RequestBytes, Shutdown, TraceContext};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::sync::{Request, Syncer};
use crate::webhook::Webhooks;

/// All routes.
pub fn routes(syncer: Syncer) -> Router {
    let webhooks = Webhooks::new(syncer.clone());
    Router::new()
        .route("/", get(describe).post(sync))
        .route("/fivetran", post(fivetran))
        .with_state(syncer)
        .merge(Router::new().route("/webhook", post(webhook)).with_state(webhooks))
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
    State(syncer): State<Syncer>,
    Extension(shutdown): Extension<Shutdown>,
    Extension(trace): Extension<TraceContext>,
    headers: HeaderMap,
    RequestBytes(body): RequestBytes,
) -> Result<Json<Value>, ApiError> {
    if let Some(tokens) = syncer.tokens() {
        tokens.check(&headers).await?;
    }
    let mut body = object(&body)?;
    let request = Request::take(&mut body)?;
    // Cloud Scheduler and other callers may say who they are.
    body.remove("source");
    if body.is_empty() {
        return syncer.sync(&request, shutdown, trace).await.map(Json);
    }
    let syncer = configured(&body).await?;
    syncer.sync(&request, shutdown, trace).await.map(Json)
}

/// `POST /webhook`: one delivery of GitLab.
async fn webhook(
    State(webhooks): State<Webhooks>,
    Extension(shutdown): Extension<Shutdown>,
    headers: HeaderMap,
    RequestBytes(body): RequestBytes,
) -> Result<Response, ApiError> {
    webhooks.take(&headers, &body, shutdown).await
}

/// `POST /fivetran`: one call of Fivetran's function connector, or of our connector for its SDK.
async fn fivetran(
    State(syncer): State<Syncer>,
    Extension(shutdown): Extension<Shutdown>,
    headers: HeaderMap,
    RequestBytes(body): RequestBytes,
) -> Result<Json<Value>, ApiError> {
    crate::fivetran::answer(&syncer, &headers, &body, shutdown)
        .await
        .map(Json)
}

/// A syncer with the settings of a request's body on top of this process's.
async fn configured(body: &Map<String, Value>) -> Result<Syncer, ApiError> {
    let mut env = Env::from_process();
    env.add_file();
    let config = settings(&mut env, body)?;
    env.resolve_secrets()
        .await
        .map_err(|problems| refused(problems.to_string()))?;
    Syncer::new(config).await.map_err(refused)
}

/// The settings of a request's body on top of those of `env`.
fn settings(env: &mut Env, body: &Map<String, Value>) -> Result<Config, ApiError> {
    env.add_body(body);
    // In whatever case: that is how they are read, too.
    let value = |name: &str| {
        body.iter()
            .find(|(key, _)| key.to_uppercase() == name)
            .map(|(_, value)| value)
    };
    for (address, token) in [
        ("GITLAB_BASE_URL", "GITLAB_TOKEN"),
        ("DBT_TRIGGER_URL", "DBT_TRIGGER_AUTH_TOKEN"),
    ] {
        let own = value(token).and_then(Value::as_str).is_some_and(is_plain);
        if value(address).is_some() && !own {
            let token = token.to_lowercase();
            env.problem(
                address,
                format!("in the request's body needs a {token} in plain text beside it: ours is not sent elsewhere"),
            );
        }
    }
    let config = Config::read(env);
    env.finish().map_err(|problems| refused(problems.to_string()))?;
    Ok(config)
}

fn refused(problems: String) -> ApiError {
    ApiError::bad_request("invalid_settings", "the settings in the body can't be used").with_hint(problems)
}

/// Whether a token stands for itself, and not for one of ours.
fn is_plain(token: &str) -> bool {
    !token.trim().is_empty() && !token.contains("${") && !token.trim().starts_with("sm://")
}

/// A body that is empty or a JSON object.
fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|_| ApiError::bad_request("invalid_json", "the body is neither empty nor a JSON object"))
}
