//! What an HTTP answer of GitLab means. See docs/gitlab.md#statuses.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::gitlab::concurrency::until_reset;
use crate::gitlab::error::{Fault, Partial};
use crate::gitlab::lacking::unknown_fields;
use crate::gitlab::repair::parse;
use crate::gitlab::stranger::{described, target};
use crate::gitlab::{Error, shape};

/// What to do with an answer.
pub enum ResponseAction {
    /// The answer's `data`.
    Data(Value),
    /// Try the same again, after this time if GitLab named one.
    Again(String, Option<Duration>),
    /// GitLab ran out of time: try the same once or twice, then ask for less.
    Slow(String),
    /// It is no answer of GitLab's: try the same once or twice, then say who refuses.
    Blocked(String),
    /// A part of what was asked is missing: try the same once or twice, then go without that part.
    Partial(Arc<Partial>),
    /// Trying again would not help.
    Failed(Error),
}

/// GitLab's limit of addresses for each user, which says nothing about the token.
const TOO_MANY: &str = "Too many logins";

/// Whether a body is a page for people.
fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// Judges an answer. `body` may be cut or not JSON at all.
pub fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ResponseAction {
    let parsed = parse(body);
    let said = parsed
        .as_ref()
        .and_then(message)
        .unwrap_or_else(|| format!("HTTP {status}"));
    let unknown = parsed
        .as_ref()
        .filter(|answer| answer.get("data").is_none_or(Value::is_null));
    let unknown = unknown.map(unknown_fields).unwrap_or_default();
    match status.as_u16() {
        200 | 400 | 422 if !unknown.is_empty() => ResponseAction::Failed(Error::UnknownFields(unknown.into())),
        200 => match parsed {
            Some(answer) => judge_graphql(answer),
            None if is_page(body) => ResponseAction::Blocked(described(status, body)),
            // A body that was cut.
            None => ResponseAction::Again("the answer is not JSON".into(), None),
        },
        301..=308 => ResponseAction::Failed(Error::Redirected(target(headers))),
        401 | 403 if parsed.is_none() || said.contains(TOO_MANY) => {
            ResponseAction::Blocked(described(status, parsed.map_or(body, |_| said.as_bytes())))
        }
        401 | 403 => ResponseAction::Failed(Error::Unauthorized(said)),
        429 => ResponseAction::Again(
            format!("HTTP {status}"),
            retry_after(headers).or_else(|| until_reset(headers)),
        ),
        408 | 425 => ResponseAction::Again(format!("HTTP {status}"), retry_after(headers)),
        503 if said.contains("timed out") => ResponseAction::Slow(said),
        500..=599 if is_page(body) => ResponseAction::Again(described(status, body), retry_after(headers)),
        500..=599 => ResponseAction::Again(format!("HTTP {status}"), retry_after(headers)),
        404 => ResponseAction::Failed(Error::Unexpected(
            "there is no GraphQL API at this address (HTTP 404)".into(),
        )),
        _ => ResponseAction::Failed(Error::Unexpected(said)),
    }
}

/// Judges an answer of the REST API.
pub fn judge_rest(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ResponseAction {
    let parsed = parse(body);
    match (status.as_u16(), parsed) {
        (200, Some(mut answer)) => {
            shape::wrap(&mut answer);
            ResponseAction::Data(answer)
        }
        (403, Some(answer)) if answer["error"] == "insufficient_scope" => {
            ResponseAction::Failed(Error::Unauthorized("it lacks the scope read_api".into()))
        }
        (403 | 404, Some(answer)) => {
            let said = message(&answer).unwrap_or_else(|| format!("HTTP {status}"));
            if said.contains(TOO_MANY) {
                return ResponseAction::Blocked(described(status, said.as_bytes()));
            }
            ResponseAction::Failed(Error::Absent(said))
        }
        // GitLab's own refusals are JSON.
        (403 | 404, None) => ResponseAction::Blocked(described(status, body)),
        _ => judge(status, headers, body),
    }
}

fn judge_graphql(mut answer: Value) -> ResponseAction {
    // Not by index: that panics on an answer that is no object.
    let mut data = answer.get_mut("data").map(Value::take).unwrap_or_default();
    let holes = match &answer["errors"] {
        Value::Null => false,
        Value::Array(errors) => !errors.is_empty(),
        _ => true,
    };
    let said = message(&answer).or_else(|| holes.then(|| "it tells of errors without a message".to_owned()));
    let Some(said) = said else {
        return match shape::check(&mut data) {
            Ok(()) => ResponseAction::Data(data),
            Err(problem) => ResponseAction::Again(problem.into(), None),
        };
    };
    if said.contains("complexity") {
        return ResponseAction::Failed(Error::TooComplex(said));
    }
    if data.is_null() {
        // Without data the query itself was refused: the same query will be refused again.
        return match is_timeout(&said) {
            true => ResponseAction::Slow(said),
            false => ResponseAction::Failed(Error::Unexpected(said)),
        };
    }
    // A page with holes: never take it for whole.
    let faults: Vec<Fault> = answer["errors"].as_array().into_iter().flatten().map(fault).collect();
    let without_place = faults.is_empty() || faults.iter().any(|fault| fault.path.is_empty());
    if without_place || shape::check(&mut data).is_err() {
        return match is_timeout(&said) {
            true => ResponseAction::Slow(said),
            false => ResponseAction::Again(said, None),
        };
    }
    ResponseAction::Partial(Arc::new(Partial { data, faults }))
}

fn fault(error: &Value) -> Fault {
    let message = error["message"].as_str().unwrap_or("an error without a message");
    Fault {
        path: error["path"].as_array().cloned().unwrap_or_default(),
        message: message.chars().take(300).collect(),
    }
}

/// Whether an error says that GitLab ran out of time at a field.
pub fn is_timeout(message: &str) -> bool {
    message.contains("Timeout on")
}

/// The error's text in any of the shapes that GitLab uses.
fn message(body: &Value) -> Option<String> {
    let text = body["errors"][0]["message"]
        .as_str()
        .or_else(|| body["errors"][0].as_str())
        .or_else(|| body["error_description"].as_str())
        .or_else(|| body["message"].as_str())
        .or_else(|| body["error"].as_str())?;
    Some(text.chars().take(300).collect())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> ResponseAction {
        judge(
            StatusCode::from_u16(status).expect("a status"),
            &HeaderMap::new(),
            body.as_bytes(),
        )
    }

    #[test]
    fn a_page_with_holes_is_not_taken_for_whole() {
        let body = r#"{"data":{"group":null},"errors":[{"message":"Internal server error"}]}"#;
        assert!(matches!(verdict(200, body), ResponseAction::Again(..)));
        let without_message = r#"{"data":{"group":null},"errors":[{"extensions":{}}]}"#;
        assert!(matches!(verdict(200, without_message), ResponseAction::Again(..)));
        assert!(matches!(
            verdict(200, r#"{"data":{},"errors":[]}"#),
            ResponseAction::Data(_)
        ));
        let with_place =
            r#"{"data":{"o0":{"l0":null}},"errors":[{"message":"Internal server error","path":["o0","l0"]}]}"#;
        assert!(
            matches!(verdict(200, with_place), ResponseAction::Partial(partial) if partial.faults[0].path.len() == 2)
        );
    }

    #[test]
    fn too_complex_asks_for_a_smaller_page() {
        let body = r#"{"errors":[{"message":"Query has complexity of 252, which exceeds max complexity of 250"}]}"#;
        assert!(matches!(
            verdict(200, body),
            ResponseAction::Failed(Error::TooComplex(_))
        ));
        let timed_out = r#"{"errors":[{"message":"Request timed out. Please try a less complex query"}]}"#;
        assert!(matches!(verdict(503, timed_out), ResponseAction::Slow(_)));
    }

    #[test]
    fn a_refused_token_is_final_and_a_broken_answer_is_not() {
        assert!(matches!(
            verdict(401, r#"{"errors":[{"message":"Invalid token"}]}"#),
            ResponseAction::Failed(Error::Unauthorized(said)) if said == "Invalid token"
        ));
        for (status, body) in [
            (502, "<html>"),
            (200, r#"{"data":{"gr"#),
            (200, "[]"),
            (200, "\"ok\""),
            (429, "Retry later"),
        ] {
            assert!(
                matches!(verdict(status, body), ResponseAction::Again(..)),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_page_where_json_is_due_is_not_gitlabs() {
        let page = b"<html><title>Sign in - Google Accounts</title>".as_slice();
        let many = br#"{"message":"Too many logins from different IPs"}"#.as_slice();
        type Judge = fn(StatusCode, &HeaderMap, &[u8]) -> ResponseAction;
        for judge in [judge as Judge, judge_rest as Judge] {
            for (status, body, told) in [
                (200, page, "Sign in - Google"),
                (401, page, "Sign in - Google"),
                (403, page, "Sign in - Google"),
                (403, b"Too many logins from different IPs".as_slice(), "Too many logins"),
                (403, many, "Too many logins"),
            ] {
                let status = StatusCode::from_u16(status).expect("a status");
                let verdict = judge(status, &HeaderMap::new(), body);
                assert!(
                    matches!(&verdict, ResponseAction::Blocked(said) if said.contains(told)),
                    "{status} {told}"
                );
            }
            let mut headers = HeaderMap::new();
            headers.insert("location", "https://gitlab.example/api/v4".parse().expect("a header"));
            let verdict = judge(StatusCode::MOVED_PERMANENTLY, &headers, page);
            let to = "https://gitlab.example/api/v4";
            assert!(matches!(verdict, ResponseAction::Failed(Error::Redirected(target)) if target == to));
        }
    }
}
