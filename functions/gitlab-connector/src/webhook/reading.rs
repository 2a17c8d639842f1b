//! Reads a delivery's body. Where the body is the proof it is read before it is known whose it is, and that must cost little.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use futures::TryStreamExt;
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::body_error;
use mergemind_shared::throttle::Stranger;
use mergemind_shared::unproven::{LIMIT, UnprovenBodies};
use serde_json::Value;

use super::picker::Picker;
use super::verify::{self, Shown, Signature};
use crate::config::WebhookSecrets;

/// How long GitLab waits for an answer: a signed payload may take that long to arrive.
const GITLAB_WAITS: Duration = Duration::from_secs(10);

/// Reads bodies.
#[derive(Debug)]
pub struct DeliveryReader {
    unproven: UnprovenBodies,
    large: UnprovenBodies,
}

impl Default for DeliveryReader {
    fn default() -> Self {
        Self {
            unproven: UnprovenBodies::new(GITLAB_WAITS),
            large: UnprovenBodies::large(GITLAB_WAITS),
        }
    }
}

impl DeliveryReader {
    /// What is needed of a payload, once it is known to come from GitLab; and whether it is signed.
    ///
    /// # Errors
    /// 401 if it does not come from GitLab; 429 if it is large, and too many large ones of the same `stranger` showed
    /// nothing; otherwise why it could not be read.
    pub async fn read(
        &self,
        secrets: &WebhookSecrets,
        headers: &HeaderMap,
        body: Body,
        stranger: Stranger<'_>,
    ) -> Result<(Value, bool), ApiError> {
        let shown = match verify::head(secrets, headers) {
            Ok(shown) => shown,
            Err(_) => {
                // They may have been rotated in Secret Manager.
                secrets.renew().await;
                // Also when nothing changed: another request may have read a new value meanwhile.
                verify::head(secrets, headers)?
            }
        };
        let signature = match shown {
            Shown::Token => None,
            Shown::Signature(signature) => Some(signature),
        };
        let mut body = Pieces::new(body.into_data_stream(), signature);
        let Some(signing) = secrets.signing.as_ref().filter(|_| body.signature.is_some()) else {
            body.take_all().await?;
            return Ok((body.picker.picked(), false));
        };
        body.kept = signing.may_change().then(Vec::new);
        if !self.unproven.wait_for(body.take_up_to(LIMIT)).await? {
            body.kept = None;
            stranger.take_turn().await?;
            self.large.wait_for(body.take_all()).await?;
        }
        if let Err(wrong) = body.check() {
            secrets.renew().await;
            match (body.kept, verify::head(secrets, headers)?) {
                (Some(kept), Shown::Signature(mut signature)) => {
                    signature.take(&kept);
                    signature.check()?;
                }
                _ => return Err(wrong),
            }
        }
        if body.length > LIMIT {
            stranger.forgive();
        }
        Ok((body.picker.picked(), true))
    }
}

/// A body as far as it has come.
struct Pieces {
    stream: BodyDataStream,
    length: usize,
    picker: Picker,
    signature: Option<Signature>,
    /// All of it, to compare it with the signature by another key; `None` if there is no other, or it is too large.
    kept: Option<Vec<u8>>,
}

impl Pieces {
    fn new(stream: BodyDataStream, signature: Option<Signature>) -> Self {
        Self {
            stream,
            length: 0,
            picker: Picker::default(),
            signature,
            kept: None,
        }
    }

    async fn take_all(&mut self) -> Result<(), ApiError> {
        self.take_up_to(usize::MAX).await.map(|_| ())
    }

    /// Whether that was all. If not, it stops after the piece that leads beyond `limit`.
    async fn take_up_to(&mut self, limit: usize) -> Result<bool, ApiError> {
        while let Some(piece) = self.stream.try_next().await.map_err(|error| body_error(&error))? {
            self.length += piece.len();
            self.picker.take(&piece);
            if let Some(signature) = &mut self.signature {
                signature.take(&piece);
            }
            if self.length > limit {
                return Ok(false);
            }
            if let Some(kept) = &mut self.kept {
                kept.extend_from_slice(&piece);
            }
        }
        Ok(true)
    }

    /// Whether the signature, if there is one, is that of what has come.
    fn check(&mut self) -> Result<(), ApiError> {
        self.signature.take().map_or(Ok(()), Signature::check)
    }
}

#[cfg(test)]
mod tests;
