//! GitLab's webhooks: hints that something changed. What changed is asked of GitLab itself, so a payload
//! can be late, repeated or wrong without harm, and one that is lost is made up for by the next sync.

mod debounce;
#[cfg(test)]
mod fuzz;
mod payload;
mod picker;
mod reading;
mod verify;

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use mergemind_shared::ApiError;
use mergemind_shared::dedup::RecentIds;
use mergemind_shared::functions_framework::Shutdown;
use mergemind_shared::throttle::Stranger;
use serde_json::json;

use crate::sync::Syncer;
use debounce::Debouncer;
use reading::DeliveryReader;
use verify::ID;

/// GitLab waits 10 s for an answer; the rest is for the way back.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// Ids of deliveries that are remembered, and how long; GitLab repeats one within minutes.
const REMEMBERED: usize = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Takes webhooks.
pub struct Webhooks {
    syncer: Syncer,
    debouncer: Debouncer,
    delivered: RecentIds,
    reader: DeliveryReader,
}

impl Webhooks {
    /// Begins to wait for webhooks.
    pub fn new(syncer: Syncer) -> Self {
        Self {
            debouncer: Debouncer::start(syncer.clone()),
            syncer,
            delivered: RecentIds::new(REMEMBERED, REMEMBERED_FOR),
            reader: DeliveryReader::default(),
        }
    }

    /// Takes one delivery. The answer tells what was written, or 202 if that takes longer than GitLab waits. What is known
    /// to come from GitLab is well received, whatever stands in it: GitLab switches a webhook off that is refused.
    ///
    /// # Errors
    /// 401 if it does not come from GitLab; 429 if it is large, and too many large ones of the same `stranger` showed
    /// nothing; otherwise what stopped the sync of what it names, and GitLab may deliver it again.
    pub async fn take(
        &self,
        headers: &HeaderMap,
        body: Body,
        stranger: Stranger<'_>,
        shutdown: Shutdown,
    ) -> Result<Response, ApiError> {
        let secrets = &self.syncer.config().webhook;
        let (payload, is_signed) = self.reader.read(secrets, headers, body, stranger).await?;
        let wanted = match payload::read(&payload) {
            Ok(wanted) => wanted,
            Err(reason) => return Ok(ignored(&reason)),
        };
        if !self.syncer.covers(&wanted.project) {
            return Ok(ignored(&format!("{} is not synced", wanted.project)));
        }
        let id = id_of(headers, is_signed);
        if id.is_some_and(|id| !self.delivered.insert(id)) {
            return Ok(ignored("this delivery was taken before"));
        }
        let done = self.debouncer.add(wanted, shutdown);
        match tokio::time::timeout(ANSWER_WITHIN, done).await {
            Ok(Ok(Ok(answer))) => Ok(Json(answer).into_response()),
            Ok(Ok(Err(error))) => {
                if let Some(id) = id {
                    self.delivered.remove(id);
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
}

/// What tells a delivery from others. Of a signed one only what the signature covers: whoever has recorded it may change
/// the rest.
fn id_of(headers: &HeaderMap, is_signed: bool) -> Option<&str> {
    let names: &[&str] = match is_signed {
        true => &[ID],
        false => &["idempotency-key", ID],
    };
    names.iter().find_map(|name| headers.get(*name)?.to_str().ok())
}

fn ignored(reason: &str) -> Response {
    Json(json!({"status": "ignored", "reason": reason})).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_delivery_is_known_by_what_is_signed() {
        let headers: HeaderMap = [("idempotency-key", "anything"), ("webhook-id", "msg-1")]
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
            .into_iter()
            .collect();
        assert_eq!(id_of(&headers, true), Some("msg-1"));
        assert_eq!(id_of(&headers, false), Some("anything"));
    }
}
