//! Has dbt run after a sync.

use std::time::Duration;

use axum::http::StatusCode;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use mergemind_shared::id_token::{IdTokens, SERVERLESS_AUTHORIZATION};
use serde_json::{Value, json};

use crate::config::DbtTrigger;

/// Tries of a call that did not reach dbt-trigger.
const ATTEMPTS: u32 = 4;

/// Calls dbt-trigger with what a sync did. Gives its answer, and whether it is a good one.
pub async fn run(trigger: &DbtTrigger, sync_info: &Value, trace: &TraceContext, shutdown: &Shutdown) -> (bool, Value) {
    let order = json!({"source": "gitlab-connector", "action": "run_dbt", "sync_info": sync_info});
    call(trigger, &order, trace, shutdown).await
}

async fn call(trigger: &DbtTrigger, order: &Value, trace: &TraceContext, shutdown: &Shutdown) -> (bool, Value) {
    let failed = |message: String| {
        (
            false,
            json!({"status": "error", "code": "dbt_unreachable", "message": message}),
        )
    };
    let client = match reqwest::Client::builder()
        .timeout(trigger.timeout)
        .redirect(reqwest::redirect::Policy::none())
        .build()
    {
        Ok(client) => client,
        Err(error) => return failed(error.to_string()),
    };
    let mut attempt = 1;
    let mut renewed = false;
    loop {
        let request = client
            .post(trigger.url.clone())
            .bearer_auth(trigger.token.expose())
            .header("traceparent", trace.traceparent())
            .json(order);
        let request = match admitted(trigger, request).await {
            Ok(request) => request,
            Err(problem) => return failed(problem),
        };
        let problem = match request.send().await {
            Ok(response) => {
                let status = response.status();
                // The token may have been rotated in Secret Manager.
                if status == StatusCode::UNAUTHORIZED && !renewed {
                    renewed = true;
                    if trigger.token.renew().await {
                        continue;
                    }
                }
                // These come from the platform while no instance is ready, so dbt has not run.
                if !matches!(status.as_u16(), 429 | 502 | 503) || attempt == ATTEMPTS {
                    let fallback = json!({"status": "error", "code": "dbt_unreachable", "message": format!("dbt-trigger answered HTTP {status}")});
                    let said = response.json::<Value>().await.unwrap_or(fallback);
                    return (status.is_success(), said);
                }
                format!("HTTP {status}")
            }
            Err(error) if error.is_timeout() && !error.is_connect() => {
                return failed(format!(
                    "dbt-trigger gave no answer within {} s",
                    trigger.timeout.as_secs()
                ));
            }
            Err(error) => error.without_url().to_string(),
        };
        if attempt == ATTEMPTS || shutdown.requested() {
            return failed(format!("dbt-trigger can't be reached: {problem}"));
        }
        tracing::warn!(attempt, "dbt-trigger did not answer ({problem}); trying again");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1 << attempt)) => {}
            () = shutdown.wait() => {}
        }
        attempt += 1;
    }
}

/// Adds what a private Cloud Run service wants to see; `Authorization` is for dbt-trigger itself.
///
/// # Errors
/// Why there is no ID token.
pub async fn admitted(
    trigger: &DbtTrigger,
    request: reqwest::RequestBuilder,
) -> Result<reqwest::RequestBuilder, String> {
    let Some(audience) = trigger.audience.as_deref() else {
        return Ok(request);
    };
    let token = IdTokens::new(audience)?.get().await?;
    Ok(request.header(SERVERLESS_AUTHORIZATION, format!("Bearer {}", token.expose())))
}
