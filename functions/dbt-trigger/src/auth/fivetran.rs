//! Fivetran's webhook: its signature, and what to do about its events.
//!
//! <https://fivetran.com/docs/rest-api/webhooks>. The signature is an HMAC of the raw body alone. It has
//! no time in it, so a request that somebody has recorded can be sent again: `sync_id`s are remembered.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use mergemind_shared::Secret;
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

/// The header with the signature.
pub const SIGNATURE: &str = "x-fivetran-signature-256";
/// Bytes of an HMAC-SHA256.
const LENGTH: usize = 32;

/// A signature that has the right form; only then is it worth reading a body.
#[derive(Debug)]
pub struct FivetranSignature([u8; LENGTH]);

/// What to do about an event.
#[derive(Debug, PartialEq, Eq)]
pub enum SyncEvent {
    /// A sync has loaded data.
    Synced { sync_id: String, connector: String },
    /// Nothing; why.
    Ignored(String),
}

#[derive(Deserialize)]
struct Payload {
    event: String,
    sync_id: Option<String>,
    connector_name: Option<String>,
    connector_id: Option<String>,
    #[serde(default)]
    data: Value,
}

impl FivetranSignature {
    /// From the request's header: 64 hexadecimal digits, in upper or lower case.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(SIGNATURE).iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let digits = value.as_bytes().trim_ascii();
        let mut bytes = [0; LENGTH];
        if digits.len() != 2 * LENGTH {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(bytes))
    }

    /// Whether it is that of `body`, exactly as it was received; in constant time.
    pub fn is_of(&self, body: &[u8], secret: &Secret) -> bool {
        let secret = secret.expose();
        // An empty secret signs what everybody can sign.
        let Some(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
            .ok()
            .filter(|_| !secret.is_empty())
        else {
            return false;
        };
        mac.update(body);
        mac.verify_slice(&self.0).is_ok()
    }
}

impl SyncEvent {
    /// Reads a body whose signature is right.
    pub fn read(body: &[u8]) -> Self {
        let payload: Payload = match serde_json::from_slice(body) {
            Ok(payload) => payload,
            // A test payload or an event of a later day: an error would make Fivetran switch the webhook off.
            Err(_) => return Self::Ignored("it is no event that is known here".into()),
        };
        let event: String = payload.event.chars().take(60).collect();
        if payload.event != "sync_end" {
            return Self::Ignored(format!("only sync_end starts a run, and this is {event}"));
        }
        match payload.data["status"].as_str() {
            Some("SUCCESSFUL") => {}
            status => {
                let status: String = status.unwrap_or("unknown").chars().take(60).collect();
                return Self::Ignored(format!(
                    "only a SUCCESSFUL sync starts a run, and this one's status is {status}"
                ));
            }
        }
        let Some(sync_id) = payload.sync_id.filter(|id| !id.is_empty() && id.len() <= 200) else {
            return Self::Ignored("it has no sync_id, as in a test".into());
        };
        let connector = payload.connector_name.or(payload.connector_id).unwrap_or_default();
        Self::Synced {
            sync_id,
            connector: connector.chars().filter(|c| !c.is_control()).take(100).collect(),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = br#"{"event":"sync_end","created":"2026-05-22T00:06:08.638Z","connector_type":"google_cloud_function","connector_id":"assimilate_seem","connector_name":"gitlab","sync_id":"b4703f73-1","destination_group_id":"inappropriate_implode","data":{"status":"SUCCESSFUL"}}"#;

    /// As Fivetran signs: uppercase digits.
    pub fn sign(body: &[u8], secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(body);
        mac.finalize().into_bytes().iter().map(|b| format!("{b:02X}")).collect()
    }

    fn signature(text: &str) -> Option<FivetranSignature> {
        let value = axum::http::HeaderValue::from_str(text).ok()?;
        FivetranSignature::from_headers(&HeaderMap::from_iter([(
            axum::http::HeaderName::from_static(SIGNATURE),
            value,
        )]))
    }

    #[test]
    fn the_signature_is_of_the_raw_body() {
        let secret = Secret::new("webhook-secret-1");
        // Computed with: openssl dgst -sha256 -hmac webhook-secret-1
        let known = sign(b"{}", "webhook-secret-1");
        assert_eq!(known.len(), 64);
        let signed = sign(BODY, "webhook-secret-1");
        for text in [signed.clone(), signed.to_lowercase()] {
            assert!(signature(&text).expect("the form").is_of(BODY, &secret));
        }
        let other = [BODY, b"\n"].concat();
        assert!(!signature(&signed).expect("the form").is_of(&other, &secret));
        assert!(!signature(&sign(BODY, "other")).expect("the form").is_of(BODY, &secret));
        assert!(
            !signature(&sign(BODY, ""))
                .expect("the form")
                .is_of(BODY, &Secret::new(""))
        );
    }

    #[test]
    fn other_forms_are_no_signature() {
        let good = sign(BODY, "s");
        for text in [
            "",
            "sha256=",
            &good[..62],
            &format!("{good}00"),
            &good.replace(&good[..1], "g"),
        ] {
            assert!(signature(text).is_none(), "{text}");
        }
        assert!(signature(&format!("sha256={good}")).is_none());
    }

    #[test]
    fn a_successful_sync_runs_and_all_else_does_nothing() {
        let read = |body: &str| SyncEvent::read(body.as_bytes());
        assert_eq!(
            SyncEvent::read(BODY),
            SyncEvent::Synced {
                sync_id: "b4703f73-1".into(),
                connector: "gitlab".into()
            }
        );
        for body in [
            r#"{"event":"sync_start","sync_id":"1"}"#,
            r#"{"event":"sync_end","sync_id":"1","data":{"status":"FAILURE_WITH_TASK"}}"#,
            r#"{"event":"sync_end","sync_id":"1","data":{"status":"RESCHEDULED"}}"#,
            r#"{"event":"sync_end","sync_id":"1"}"#,
            r#"{"event":"sync_end","data":{"status":"SUCCESSFUL"}}"#,
            r#"{"event":"dbt_run_succeeded"}"#,
            r#"{"test":true}"#,
            "not JSON",
            "",
        ] {
            assert!(matches!(read(body), SyncEvent::Ignored(_)), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_header_and_body_are_read_or_refused(header in "[0-9A-Fa-f]{64}", text in "\\PC{0,70}", body in prop::collection::vec(any::<u8>(), 0..200)) {
            let secret = Secret::new("webhook-secret-1");
            prop_assert!(signature(&header).is_some());
            for shown in [&header, &text] {
                if let Some(signature) = signature(shown) {
                    prop_assert_eq!(signature.is_of(&body, &secret), shown.to_uppercase() == sign(&body, "webhook-secret-1"));
                }
            }
            let _ = SyncEvent::read(&body);
        }
    }
}
