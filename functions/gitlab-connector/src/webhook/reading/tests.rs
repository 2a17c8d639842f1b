use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use mergemind_shared::throttle::Throttle;
use mergemind_shared::{Secret, secret::Reference, secret::SecretManager};
use serde_json::json;

use super::*;
use crate::webhook::verify::testing::signed;

/// Two keys of 32 bytes, `whsec_…` each.
const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

fn token(key: [u8; 32]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

/// A Secret Manager, and secrets that were read from it when it had the first key.
async fn in_secret_manager() -> (WebhookSecrets, Arc<Mutex<String>>) {
    async fn access(State(now): State<Arc<Mutex<String>>>) -> Json<Value> {
        let data = STANDARD.encode(now.lock().expect("a lock").as_str());
        Json(json!({"name": "x", "payload": {"data": data}}))
    }
    let now = Arc::new(Mutex::new(token(KEYS[0])));
    let router = Router::new().route("/v1/{*name}", get(access)).with_state(now.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let signing = Secret::referring(Reference::parse("sm://projects/p/secrets/signing").expect("valid"));
    let manager = SecretManager::connect(Some(&address)).await.expect("a client");
    manager
        .resolve("GITLAB_WEBHOOK_SIGNING_TOKEN", &signing)
        .await
        .expect("resolved");
    let secrets = WebhookSecrets {
        token: None,
        signing: Some(signing),
    };
    (secrets, now)
}

fn payload(length: usize) -> Vec<u8> {
    let mut payload = br#"{"object_kind": "push", "padding": ""#.to_vec();
    payload.resize(length, b'x');
    payload
}

async fn status(secrets: &WebhookSecrets, key: [u8; 32], length: usize) -> u16 {
    let payload = payload(length);
    let headers = signed(&key, &payload);
    match DeliveryReader::default()
        .read(secrets, &headers, payload.into(), Throttle::default().stranger(None))
        .await
    {
        Ok((picked, is_signed)) => {
            assert!(is_signed && picked["object_kind"] == "push", "{picked}");
            200
        }
        Err(refused) => refused.status().as_u16(),
    }
}

#[tokio::test]
async fn the_first_delivery_under_a_rotated_signing_token_is_taken() {
    for length in [100, LIMIT] {
        let (secrets, now) = in_secret_manager().await;
        assert_eq!(status(&secrets, KEYS[0], length).await, 200);
        assert_eq!(status(&secrets, KEYS[0], LIMIT * 2).await, 200);
        *now.lock().expect("a lock") = token(KEYS[1]);
        assert_eq!(status(&secrets, KEYS[1], length).await, 200, "{length} bytes");
        assert_eq!(status(&secrets, KEYS[1], LIMIT * 2).await, 200);
        assert_eq!(status(&secrets, KEYS[0], length).await, 401, "by the key from before");
    }
    let (secrets, now) = in_secret_manager().await;
    *now.lock().expect("a lock") = token(KEYS[1]);
    assert_eq!(
        status(&secrets, KEYS[1], LIMIT + 1).await,
        401,
        "nothing keeps that much"
    );
    assert_eq!(status(&secrets, KEYS[1], LIMIT + 1).await, 200);
}

fn fixed() -> WebhookSecrets {
    WebhookSecrets {
        token: None,
        signing: Some(Secret::new(token(KEYS[0]))),
    }
}

/// A body in pieces of 32 KiB, which counts those that were asked for.
fn counted(length: usize, pieces: &Arc<AtomicUsize>) -> Body {
    let pieces = pieces.clone();
    let payload = payload(length);
    let chunks: Vec<_> = payload.chunks(LIMIT / 2).map(<[u8]>::to_vec).collect();
    Body::from_stream(
        futures::stream::iter(chunks)
            .inspect(move |_| {
                pieces.fetch_add(1, Ordering::SeqCst);
            })
            .map(Ok::<_, std::io::Error>),
    )
}

#[tokio::test]
async fn large_bodies_of_one_address_that_show_nothing_are_read_by_turns() {
    let (reader, secrets, throttle) = (DeliveryReader::default(), fixed(), Throttle::default());
    let pieces = Arc::default();
    let headers = signed(&KEYS[1], b"something else");
    let read = |length| reader.read(&secrets, &headers, counted(length, &pieces), throttle.stranger(None));
    let reads = futures::future::join_all((0..50).map(|_| read(LIMIT * 20))).await;
    let statuses: Vec<_> = reads
        .iter()
        .flat_map(|read| read.as_ref().err())
        .map(ApiError::status)
        .collect();
    let hashed = statuses.iter().filter(|status| **status == 401).count();
    assert!((2..=8).contains(&hashed), "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 50 - hashed);
    // Of the others no more than what anybody may send, and the piece that leads beyond.
    assert_eq!(pieces.load(Ordering::SeqCst), hashed * 40 + (50 - hashed) * 3);
    assert_eq!(
        read(LIMIT).await.expect_err("wrong").status(),
        401,
        "small ones don't wait"
    );
    // Elsewhere there are those who belong.
    let payload = payload(LIMIT * 20);
    let known = throttle.stranger(Some([10, 0, 0, 1].into()));
    let headers = signed(&KEYS[0], &payload);
    for _ in 0..10 {
        let read = reader.read(&secrets, &headers, payload.clone().into(), known);
        assert!(read.await.is_ok());
    }
}

#[tokio::test]
async fn what_cannot_be_a_signature_is_refused_before_the_body() {
    let mut headers = signed(&KEYS[0], b"{}");
    for wrong in ["v1,AAAA", "v1,", "v2,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""] {
        let pieces = Arc::default();
        headers.insert("webhook-signature", wrong.parse().expect("a value"));
        let read = DeliveryReader::default()
            .read(
                &fixed(),
                &headers,
                counted(LIMIT, &pieces),
                Throttle::default().stranger(None),
            )
            .await;
        assert_eq!(read.expect_err(wrong).status(), 401);
        assert_eq!(pieces.load(Ordering::SeqCst), 0, "{wrong}");
    }
}

#[tokio::test]
async fn few_large_bodies_are_read_at_once() {
    let (reader, secrets) = (DeliveryReader::default(), fixed());
    let headers = signed(&KEYS[1], b"something else");
    let endless = |pieces: &Arc<AtomicUsize>| {
        let pieces = pieces.clone();
        let piece = move |_| {
            pieces.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(vec![b'x'; LIMIT])
        };
        Body::from_stream(futures::stream::iter(0..3).map(piece).chain(futures::stream::pending()))
    };
    let counts: [Arc<AtomicUsize>; 6] = Default::default();
    let throttle = Throttle::default();
    let reads = counts.iter().zip(1..).map(|(pieces, number)| {
        let stranger = throttle.stranger(Some([10, 0, 0, number].into()));
        reader.read(&secrets, &headers, endless(pieces), stranger)
    });
    let waited = tokio::time::timeout(Duration::from_millis(700), futures::future::join_all(reads)).await;
    assert!(waited.is_err(), "they are slow");
    let all = counts
        .iter()
        .filter(|pieces| pieces.load(Ordering::SeqCst) == 3)
        .count();
    assert_eq!(all, 2, "{counts:?}");
}
