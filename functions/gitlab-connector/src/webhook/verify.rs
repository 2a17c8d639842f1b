//! Whether a delivery comes from GitLab: by its plain token, or by its signature.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use mergemind_shared::{ApiError, Secret};
use sha2::Sha256;

use crate::config::{WebhookSecrets, webhook_key};

/// The header with a signed delivery's id, which the signature covers.
pub const ID: &str = "webhook-id";

/// How far a signed delivery's time may be from ours, in seconds: the Standard Webhooks' own tolerance.
const TOLERANCE: u64 = 5 * 60;

/// What a delivery's head says of who sent it.
#[derive(Debug)]
pub enum Shown {
    /// It comes from GitLab: it shows the plain token.
    Token,
    /// Its signature, which is still to be compared with the body.
    Signature(Signature),
}

/// A signature, and what was signed as far as it has come.
#[derive(Debug)]
pub struct Signature {
    mac: Hmac<Sha256>,
    shown: Vec<[u8; 32]>,
}

/// Looks at a delivery's head. A signed one is judged by its signature alone.
///
/// # Errors
/// 401; its message tells what is missing, never which part was right.
pub fn head(secrets: &WebhookSecrets, headers: &HeaderMap) -> Result<Shown, ApiError> {
    if secrets.token.is_none() && secrets.signing.is_none() {
        return Err(refused("webhooks are not taken here").with_hint(
            "set GITLAB_WEBHOOK_TOKEN or GITLAB_WEBHOOK_SIGNING_TOKEN to what the webhook in GitLab was given",
        ));
    }
    if let Some(signatures) = headers.get("webhook-signature") {
        // One that is no text is a wrong one, not none.
        let signatures = signatures.to_str().unwrap_or_default();
        let Some(signing) = &secrets.signing else {
            return Err(refused("the webhook is signed")
                .with_hint("set GITLAB_WEBHOOK_SIGNING_TOKEN to the signing token that GitLab shows for the webhook"));
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        return Signature::read(signing, signatures, headers, now).map(Shown::Signature);
    }
    let shown = headers.get("x-gitlab-token").map(HeaderValue::as_bytes);
    match (&secrets.token, shown) {
        (Some(token), Some(shown)) if token.matches(shown) => Ok(Shown::Token),
        _ => Err(refused("the webhook does not show the secret token")
            .with_hint("give the webhook in GitLab the same secret token as GITLAB_WEBHOOK_TOKEN")),
    }
}

impl Signature {
    /// Standard Webhooks: HMAC-SHA256 over id, time and body, with dots between.
    fn read(signing: &Secret, signatures: &str, headers: &HeaderMap, now: u64) -> Result<Self, ApiError> {
        let (Some(id), Some(at)) = (text(headers, ID), text(headers, "webhook-timestamp")) else {
            return Err(refused("the webhook's signature lacks an id or a time"));
        };
        let fresh = at.parse::<u64>().is_ok_and(|at| at.abs_diff(now) <= TOLERANCE);
        if !fresh {
            return Err(refused("the webhook's signature is too old"));
        }
        let signed = signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"));
        let shown: Vec<_> = signed
            .filter_map(|signature| STANDARD.decode(signature).ok()?.try_into().ok())
            .collect();
        if shown.is_empty() {
            return Err(refused("the webhook's signature is not of the form 'v1,<base64>'"));
        }
        let key = webhook_key(&signing.expose()).map_err(|problem| {
            refused("the webhook's signature can't be checked")
                .with_log(format!("GITLAB_WEBHOOK_SIGNING_TOKEN {problem}"))
        })?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| refused("the signing token can't be used"))?;
        mac.update(format!("{id}.{at}.").as_bytes());
        Ok(Self { mac, shown })
    }

    /// Takes the body's next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.mac.update(piece);
    }

    /// Whether one of the signatures is that of what was taken.
    ///
    /// # Errors
    /// 401 if none is.
    pub fn check(self) -> Result<(), ApiError> {
        let mut right = false;
        for signature in &self.shown {
            // Compares in constant time.
            right |= self.mac.clone().verify_slice(signature).is_ok();
        }
        if right {
            Ok(())
        } else {
            Err(refused("the webhook's signature is wrong"))
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn refused(message: &str) -> ApiError {
    ApiError::unauthorized(message)
}

#[cfg(test)]
pub mod testing {
    use axum::http::HeaderName;

    use super::*;

    /// What the holder of `key` sends as `webhook-signature`.
    pub fn signature_by(key: &[u8], id: &str, at: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// The headers of a delivery that is signed now.
    pub fn signed(key: &[u8], body: &[u8]) -> HeaderMap {
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let pairs = [
            (ID, "msg-1".to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature_by(key, "msg-1", at, body)),
        ];
        let header =
            |(name, value): (&'static str, String)| (HeaderName::from_static(name), value.parse().expect("a value"));
        pairs.map(header).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::signature_by;
    use super::*;

    // The key is 32 bytes of zeros.
    const SIGNING: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).parse().expect("a name"), value.parse().expect("a value")))
            .collect()
    }

    fn signature(id: &str, at: u64, body: &[u8]) -> String {
        signature_by(&[0; 32], id, at, body)
    }

    /// Whether a whole delivery is let in.
    fn check(secrets: &WebhookSecrets, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
        match head(secrets, headers)? {
            Shown::Token => Ok(()),
            Shown::Signature(signature) => check_in_pieces(signature, body),
        }
    }

    fn check_in_pieces(mut signature: Signature, body: &[u8]) -> Result<(), ApiError> {
        body.chunks(1).for_each(|piece| signature.take(piece));
        signature.check()
    }

    #[test]
    fn a_plain_token_must_match() {
        let secrets = WebhookSecrets {
            token: Some(Secret::new("hook-41d9")),
            signing: None,
        };
        assert!(check(&secrets, &headers(&[("x-gitlab-token", "hook-41d9")]), b"").is_ok());
        assert!(check(&secrets, &headers(&[("x-gitlab-token", "hook-41d8")]), b"").is_err());
        assert!(check(&secrets, &headers(&[]), b"").is_err());
        assert!(check(&WebhookSecrets::default(), &headers(&[("x-gitlab-token", "")]), b"").is_err());
    }

    #[test]
    fn nobody_can_sign_with_an_empty_key() {
        let by_nothing = signature_by(&[], "msg-1", 1_000, b"{}");
        let headers = headers(&[("webhook-id", "msg-1"), ("webhook-timestamp", "1000")]);
        for empty in ["whsec_", ""] {
            let read = Signature::read(&Secret::new(empty), &by_nothing, &headers, 1_000);
            assert!(read.is_err(), "{empty}");
        }
    }

    #[test]
    fn a_signature_counts_alone_and_covers_id_time_and_body() {
        let signing = Secret::new(SIGNING);
        let (id, at, body) = ("msg-1", 1_000_000, &b"{}"[..]);
        let good = signature(id, at, body);
        let try_it = |signatures: &str, id: &str, at: u64, body: &[u8], now: u64| {
            let headers = headers(&[("webhook-id", id), ("webhook-timestamp", &at.to_string())]);
            Signature::read(&signing, signatures, &headers, now)
                .and_then(|signature| check_in_pieces(signature, body))
                .is_ok()
        };
        assert!(try_it(&good, id, at, body, at + 10));
        assert!(try_it(&format!("v1,AAAA {good}"), id, at, body, at));
        assert!(!try_it(&good, "msg-2", at, body, at));
        assert!(!try_it(&good, id, at + 1, body, at));
        assert!(!try_it(&good, id, at, b"{ }", at));
        assert!(!try_it(&good, id, at, body, at + TOLERANCE + 1));
        let secrets = WebhookSecrets {
            token: Some(Secret::new("hook-41d9")),
            signing: None,
        };
        let signed = headers(&[("x-gitlab-token", "hook-41d9"), ("webhook-signature", &good)]);
        assert!(check(&secrets, &signed, body).is_err(), "never falls back to the token");
    }
}
