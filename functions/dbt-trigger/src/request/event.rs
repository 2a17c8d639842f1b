//! Events that Google pushes: Pub/Sub's envelope, and CloudEvents in both of their forms over HTTP.
//!
//! <https://cloud.google.com/pubsub/docs/push>,
//! <https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md>.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest id of an event, in bytes; longer ones would only fill memory.
const ID_LIMIT: usize = 500;
/// The longest name of a source that is taken over, in characters.
const NAME_LIMIT: usize = 150;

/// A pushed event.
#[derive(Debug, PartialEq)]
pub struct PushedEvent {
    /// The same for every delivery of one event.
    pub id: String,
    /// Where it comes from, for the log and as the order's `source`, unless it names one.
    pub origin: String,
    /// What it carries, if that is an order of ours: a JSON object with an `action`. Anything else asks
    /// for a build, as the event itself is the news.
    pub request: Map<String, Value>,
}

/// What is wrong with an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    #[error("a CloudEvent has the headers ce-id and ce-source")]
    NoHeaders,
    #[error("it is no CloudEvent: {0}")]
    CloudEvent(serde_json::Error),
    #[error("the message has no messageId")]
    NoMessageId,
    #[error("its id is too long")]
    LongId,
}

#[derive(Deserialize)]
struct Envelope {
    message: PubSubMessage,
    #[serde(default)]
    subscription: String,
}

#[derive(Deserialize)]
struct PubSubMessage {
    #[serde(default, rename = "messageId")]
    id: String,
    /// Google writes it in both ways, with one value; an alias would take that for a mistake.
    #[serde(default, rename = "message_id")]
    older_id: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Structured {
    id: String,
    source: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    data_base64: Option<String>,
}

/// Reads a request as a pushed event; `None` if it is something else.
///
/// # Errors
/// If it calls itself an event and is none.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Option<PushedEvent>, EventError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("ce-specversion").is_some() {
        let (Some(id), Some(source)) = (text("ce-id"), text("ce-source")) else {
            return Err(EventError::NoHeaders);
        };
        let data = serde_json::from_slice(body).unwrap_or_default();
        return cloud_event(id, source, data).map(Some);
    }
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if kind.starts_with(b"application/cloudevents+json") {
        let event: Structured = serde_json::from_slice(body).map_err(EventError::CloudEvent)?;
        let data = match &event.data_base64 {
            Some(data) => decoded(data),
            None => event.data,
        };
        return cloud_event(&event.id, &event.source, data).map(Some);
    }
    match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) => pub_sub(envelope).map(Some),
        Err(_) => Ok(None),
    }
}

fn cloud_event(id: &str, source: &str, data: Value) -> Result<PushedEvent, EventError> {
    // Eventarc delivers Pub/Sub's messages as CloudEvents that hold the envelope.
    if data["message"].is_object()
        && let Ok(envelope) = Envelope::deserialize(&data)
    {
        return pub_sub(envelope);
    }
    Ok(PushedEvent {
        id: limited(&format!("{source}#{id}"))?,
        origin: name(source),
        request: request(data),
    })
}

fn pub_sub(envelope: Envelope) -> Result<PushedEvent, EventError> {
    let PubSubMessage { id, older_id, data } = envelope.message;
    let id = [id, older_id].into_iter().find(|id| !id.is_empty());
    let id = id.ok_or(EventError::NoMessageId)?;
    let subscription = envelope.subscription.rsplit('/').next().unwrap_or_default();
    Ok(PushedEvent {
        id: limited(&format!("pubsub#{}#{}", envelope.subscription, id))?,
        origin: name(&format!("pubsub:{subscription}")),
        request: request(decoded(&data)),
    })
}

fn limited(id: &str) -> Result<String, EventError> {
    if id.len() > ID_LIMIT {
        return Err(EventError::LongId);
    }
    Ok(id.to_owned())
}

fn name(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_LIMIT).collect()
}

fn decoded(base64: &str) -> Value {
    let bytes = STANDARD.decode(base64).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn request(data: Value) -> Map<String, Value> {
    match data {
        Value::Object(fields) if fields.contains_key("action") => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn envelope(data: &str) -> Value {
        json!({"message": {"data": STANDARD.encode(data), "messageId": "7", "message_id": "7", "attributes": {},
               "publishTime": "2026-01-01T00:00:00Z", "publish_time": "2026-01-01T00:00:00Z"},
               "subscription": "projects/p/subscriptions/loaded"})
    }

    #[test]
    fn pub_subs_envelope_is_opened() {
        let body = envelope(r#"{"action":"test","select":"a"}"#).to_string();
        let pushed = read(&HeaderMap::new(), body.as_bytes())
            .expect("valid")
            .expect("an event");
        assert_eq!(pushed.id, "pubsub#projects/p/subscriptions/loaded#7");
        assert_eq!(pushed.origin, "pubsub:loaded");
        assert_eq!(pushed.request["action"], "test");
        let mut body = envelope("a table was loaded");
        body["message"].as_object_mut().expect("an object").remove("messageId");
        let body = body.to_string();
        let pushed = read(&HeaderMap::new(), body.as_bytes())
            .expect("valid")
            .expect("an event");
        assert_eq!(
            pushed.id, "pubsub#projects/p/subscriptions/loaded#7",
            "one spelling is enough"
        );
        assert!(pushed.request.is_empty(), "the event itself is the news");
    }

    #[test]
    fn cloud_events_are_read_in_both_forms() {
        let binary = headers(&[
            ("ce-specversion", "1.0"),
            ("ce-id", "9"),
            ("ce-source", "//bigquery/x"),
            ("ce-type", "google.cloud.audit.log.v1.written"),
        ]);
        let expected = PushedEvent {
            id: "//bigquery/x#9".into(),
            origin: "//bigquery/x".into(),
            request: Map::new(),
        };
        let pushed = read(&binary, br#"{"protoPayload":{}}"#).expect("valid");
        assert_eq!(pushed, Some(expected));
        let structured = headers(&[("content-type", "application/cloudevents+json; charset=utf-8")]);
        let body = json!({"specversion": "1.0", "id": "9", "source": "//x", "type": "t", "data": {"action": "docs"}})
            .to_string();
        let pushed = read(&structured, body.as_bytes()).expect("valid").expect("an event");
        assert_eq!(
            (pushed.id.as_str(), &pushed.request["action"]),
            ("//x#9", &json!("docs"))
        );
        let body =
            json!({"specversion": "1.0", "id": "9", "source": "//x", "type": "t", "data": envelope("{}")}).to_string();
        let pushed = read(&structured, body.as_bytes()).expect("valid").expect("an event");
        assert_eq!(pushed.origin, "pubsub:loaded", "Eventarc wraps Pub/Sub");
    }

    #[test]
    fn broken_events_are_told_and_others_left() {
        assert!(read(&headers(&[("ce-specversion", "1.0")]), b"{}").is_err());
        assert!(read(&headers(&[("content-type", "application/cloudevents+json")]), b"{}").is_err());
        assert!(read(&HeaderMap::new(), br#"{"message":{"data":""}}"#).is_err());
        for body in [
            "",
            "{}",
            r#"{"source":"x","action":"run_dbt"}"#,
            r#"{"message":"hello"}"#,
        ] {
            assert!(matches!(read(&HeaderMap::new(), body.as_bytes()), Ok(None)), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), data in "\\PC{0,60}") {
            for kind in ["application/json", "application/cloudevents+json"] {
                let _ = read(&headers(&[("content-type", kind)]), &body);
                let wrapped = json!({"message": {"data": data, "messageId": data}, "subscription": data, "id": data, "source": data, "data": data});
                let _ = read(&headers(&[("content-type", kind)]), wrapped.to_string().as_bytes());
            }
        }
    }
}
