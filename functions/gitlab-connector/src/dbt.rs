//! Has dbt run after a sync.

use std::time::Duration;

use axum::http::StatusCode;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use mergemind_shared::id_token::{IdTokens, SERVERLESS_AUTHORIZATION};
use serde_json::{Value, json};

use crate::config::DbtTrigger;

/// The longest answer that is read, in bytes: a few hundred for each of dbt's nodes.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;
/// Tries of a call that did not reach dbt-trigger.
const ATTEMPTS: u32 = 4;

/// Calls dbt-trigger with what a sync did. Gives its answer, and whether it is a good one.
pub async fn run(trigger: &DbtTrigger, sync_info: &Value, trace: &TraceContext, shutdown: &Shutdown) -> (bool, Value) {
    let order = json!({"source": "gitlab-connector", "action": "run_dbt", "sync_info": sync_info});
    call(trigger, &order, trace, shutdown).await
}

/// Has dbt build only what leads from what an event changed to live models. Whatever becomes of it, [`run`] follows.
pub async fn run_live(
    trigger: &DbtTrigger,
    sync_info: &Value,
    trace: &TraceContext,
    shutdown: &Shutdown,
) -> (bool, Value) {
    let order = json!({"source": "gitlab-connector", "action": "run_dbt", "live": true, "sync_info": sync_info});
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
                    return match read(response).await {
                        Ok(said) => (status.is_success(), serde_json::from_slice(&said).unwrap_or(fallback)),
                        Err(problem) => failed(format!("dbt-trigger's answer {problem}")),
                    };
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

/// The whole of an answer.
///
/// # Errors
/// Why it can't be read to its end.
async fn read(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) if all.len() + piece.len() > LONGEST_ANSWER => {
                return Err(format!("is longer than {} MiB", LONGEST_ANSWER >> 20));
            }
            Ok(Some(piece)) => all.extend_from_slice(&piece),
            Ok(None) => return Ok(all),
            Err(error) => return Err(format!("broke off: {}", error.without_url())),
        }
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use mergemind_shared::Secret;

    use super::*;

    #[tokio::test]
    async fn an_answer_without_end_is_not_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        // Sends spaces, which may stand before JSON, until nobody takes them.
        let sent = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let _ = stream.read(&mut [0; 4_096]).expect("a request");
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                .expect("a head");
            let piece = vec![b' '; 1 << 20];
            (0..200).take_while(|_| stream.write_all(&piece).is_ok()).count()
        });
        let trigger = DbtTrigger {
            url: url.parse().expect("an address"),
            token: Secret::new("trigger-ours-77d0"),
            audience: None,
            timeout: Duration::from_secs(60),
        };
        let trace = TraceContext::new_trace();
        let (good, said) = run(&trigger, &json!({}), &trace, &Shutdown::default()).await;
        assert!(!good && said.to_string().contains("longer than 32 MiB"), "{said}");
        // Not on this thread, which has to close the connection.
        let taken = tokio::task::spawn_blocking(|| sent.join().expect("it ends"));
        let taken = taken.await.expect("it ends");
        assert!(taken < 64, "{taken} MiB were taken");
    }
}
