//! GitLab's webhooks: hints that something changed. What changed is asked of GitLab itself, so a payload
//! can be late, repeated or wrong without harm, and one that is lost is made up for by the next sync.

mod debounce;
#[cfg(test)]
mod fuzz;
mod payload;
mod verify;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Bytes};
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::Shutdown;
use serde_json::{Value, json};

use crate::sync::Syncer;
use debounce::Debouncer;

/// GitLab waits 10 seconds for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Keys of deliveries that are remembered; GitLab repeats one within minutes.
const REMEMBERED: usize = 10_000;

/// Takes webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    syncer: Syncer,
    debouncer: Debouncer,
    delivered: Mutex<Delivered>,
}

/// The keys of deliveries that were taken.
#[derive(Default)]
struct Delivered {
    keys: HashSet<String>,
    order: VecDeque<String>,
}

impl Delivered {
    /// Whether the key is new.
    fn take(&mut self, key: &str) -> bool {
        if !self.keys.insert(key.to_owned()) {
            return false;
        }
        self.order.push_back(key.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        true
    }

    fn forget(&mut self, key: &str) {
        self.keys.remove(key);
        self.order.retain(|known| known != key);
    }
}

impl Webhooks {
    /// Begins to wait for webhooks.
    pub fn new(syncer: Syncer) -> Self {
        Self(Arc::new(Inner {
            debouncer: Debouncer::start(syncer.clone()),
            syncer,
            delivered: Mutex::default(),
        }))
    }

    /// Takes one delivery. The answer tells what was written, or 202 if that takes longer than GitLab waits.
    ///
    /// # Errors
    /// 401 if it does not come from GitLab; 400 if it is not a webhook's payload; otherwise what stopped
    /// the sync of what it names, and GitLab may deliver it again.
    pub async fn take(&self, headers: &HeaderMap, body: &Bytes, shutdown: Shutdown) -> Result<Response, ApiError> {
        let secrets = &self.0.syncer.config().webhook;
        if let Err(refused) = verify::check(secrets, headers, body) {
            // They may have been rotated in Secret Manager.
            if !secrets.renew().await {
                return Err(refused);
            }
            verify::check(secrets, headers, body)?;
        }
        let payload: Value = serde_json::from_slice(body)
            .map_err(|_| ApiError::bad_request("invalid_json", "the body is not a webhook's JSON"))?;
        let wanted = match payload::read(&payload) {
            Ok(wanted) => wanted,
            Err(reason) => return Ok(ignored(&reason)),
        };
        if !self.0.syncer.covers(&wanted.project) {
            return Ok(ignored(&format!("{} is not synced", wanted.project)));
        }
        let key = ["idempotency-key", "webhook-id"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok());
        if key.is_some_and(|key| !self.delivered().take(key)) {
            return Ok(ignored("this delivery was taken before"));
        }
        let done = self.0.debouncer.add(wanted, shutdown);
        match tokio::time::timeout(ANSWER_WITHIN, done).await {
            Ok(Ok(Ok(answer))) => Ok(Json(answer).into_response()),
            Ok(Ok(Err(error))) => {
                if let Some(key) = key {
                    self.delivered().forget(key);
                }
                Err(error)
            }
            Ok(Err(_)) => Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "this instance is stopping",
            )),
            Err(_) => {
                let answer = json!({"status": "accepted", "reason": "it will be written in a moment"});
                Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
            }
        }
    }

    fn delivered(&self) -> std::sync::MutexGuard<'_, Delivered> {
        self.0.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ignored(reason: &str) -> Response {
    Json(json!({"status": "ignored", "reason": reason})).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_delivery_is_known_until_it_failed() {
        let mut delivered = Delivered::default();
        assert!(delivered.take("a"));
        assert!(!delivered.take("a"));
        delivered.forget("a");
        assert!(delivered.take("a"));
        (0..REMEMBERED).for_each(|n| assert!(delivered.take(&n.to_string())));
        assert!(delivered.take("a"), "the oldest is forgotten");
    }
}
