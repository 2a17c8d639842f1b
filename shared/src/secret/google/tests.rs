use std::sync::Mutex;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

use super::*;

type Stored = Arc<Mutex<Result<&'static str, u16>>>;

/// A Secret Manager with one answer for every secret.
async fn fake(stored: Stored) -> String {
    async fn access(
        Path((name, version)): Path<(String, String)>,
        State(stored): State<Stored>,
    ) -> Result<Json<Value>, StatusCode> {
        assert_eq!((name.as_str(), version.as_str()), ("token", "latest:access"));
        match *stored.lock().expect("a lock") {
            // Base64 of the value, as Google's JSON has bytes.
            Ok(data) => Ok(Json(json!({"name": "x", "payload": {"data": data}}))),
            Err(status) => Err(StatusCode::from_u16(status).expect("a status")),
        }
    }
    let router = Router::new()
        .route("/v1/projects/p/secrets/{name}/versions/{version}", get(access))
        .with_state(stored);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn token() -> Secret {
    Secret::referring(Reference::parse("sm://projects/p/secrets/token").expect("valid"))
}

#[tokio::test]
async fn a_reference_is_resolved_and_renewed_without_a_restart() {
    let stored: Stored = Arc::new(Mutex::new(Ok("Zmlyc3QtdG9rZW4K")));
    let manager = SecretManager::connect(Some(&fake(stored.clone()).await))
        .await
        .expect("a client");
    let secret = token();
    let held_elsewhere = secret.clone();
    manager.resolve("AUTH_TOKEN", &secret).await.expect("resolved");
    assert!(held_elsewhere.matches(b"first-token"), "the line break is cut");
    *stored.lock().expect("a lock") = Ok("c2Vjb25kLXRva2Vu");
    assert!(secret.renew().await);
    assert!(held_elsewhere.matches(b"second-token"));
    assert!(!held_elsewhere.matches(b"first-token"));
    *stored.lock().expect("a lock") = Ok("Zmlyc3QtdG9rZW4K");
    assert!(!secret.renew().await, "anybody could make us ask without end");
}

#[tokio::test]
async fn a_role_that_arrives_late_is_waited_for_at_a_first_start() {
    for status in [403, 404] {
        let stored: Stored = Arc::new(Mutex::new(Err(status)));
        let manager = SecretManager::connect(Some(&fake(stored.clone()).await))
            .await
            .expect("a client");
        assert!(
            manager.resolve("AUTH_TOKEN", &token()).await.is_err(),
            "elsewhere at once"
        );
        let asked = stored.clone();
        tokio::spawn(async move {
            // After the first question.
            tokio::time::sleep(Duration::from_millis(300)).await;
            *asked.lock().expect("a lock") = Ok("bGF0ZS10b2tlbg==");
        });
        let secret = token();
        manager
            .awaiting_grants()
            .resolve("AUTH_TOKEN", &secret)
            .await
            .expect("read after a refusal");
        assert!(secret.matches(b"late-token"));
    }
}

#[tokio::test]
async fn a_short_token_is_refused_at_the_start_and_when_it_is_rotated() {
    // "second-token"
    let stored: Stored = Arc::new(Mutex::new(Ok("c2Vjb25kLXRva2Vu")));
    let manager = SecretManager::connect(Some(&fake(stored.clone()).await))
        .await
        .expect("a client");
    let short = token();
    short.require(|value| match value.len() {
        16.. => Ok(()),
        _ => Err("has fewer than 16 characters".into()),
    });
    let message = manager
        .resolve("AUTH_TOKEN", &short)
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        message.contains("fewer than 16") && !message.contains("second"),
        "{message}"
    );
    assert!(!short.matches(b"second-token"));
    // "first-token-is-long"
    *stored.lock().expect("a lock") = Ok("Zmlyc3QtdG9rZW4taXMtbG9uZw==");
    manager.resolve("AUTH_TOKEN", &short).await.expect("resolved");
    *stored.lock().expect("a lock") = Ok("c2Vjb25kLXRva2Vu");
    assert!(!short.renew().await);
    assert!(short.matches(b"first-token-is-long"), "the value from before stays");
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_names_the_setting() {
    let stored: Stored = Arc::new(Mutex::new(Err(403)));
    let manager = SecretManager::connect(Some(&fake(stored.clone()).await))
        .await
        .expect("a client");
    let message = manager
        .resolve("AUTH_TOKEN", &token())
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        message.starts_with("AUTH_TOKEN refers to projects/p/secrets/token/versions/latest"),
        "{message}"
    );
    assert!(message.contains("Secret Accessor"), "{message}");
    // "changeme"
    *stored.lock().expect("a lock") = Ok("Y2hhbmdlbWU=");
    let message = manager
        .resolve("AUTH_TOKEN", &token())
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        message.contains("placeholder") && !message.contains("changeme"),
        "{message}"
    );
}
