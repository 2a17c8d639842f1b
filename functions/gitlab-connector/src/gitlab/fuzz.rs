//! Fuzz target: what GitLab, or a proxy before it, answers.

use std::time::Duration;

use fuzz::{Shape, Target};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::gitlab::Error;
use crate::gitlab::client::clock;
use crate::gitlab::concurrency::Concurrency;
use crate::gitlab::links::next_page;
use crate::gitlab::repair::parse;
use crate::gitlab::response::{ResponseAction, judge, judge_rest};

const WORDS: &[&str] = &[
    "GET /200\n",
    "GET /429\n",
    "GET /503\n",
    "retry-after: ",
    "ratelimit-remaining: 0",
    "ratelimit-reset: ",
    "date: Thu, 01 Jan 1970 00:00:00 GMT",
    "link: <http://x/?cursor=y>; rel=\"next\"",
    "data",
    "errors",
    "message",
    "error",
    "error_description",
    "complexity",
    "Timeout on",
    "timed out",
    "insufficient_scope",
];

/// A request's text stands for an answer: its path is the status.
#[test]
fn connector_answer() {
    Target::new("connector_answer", Shape::Request)
        .words(WORDS)
        .reaches(&[
            "graphql data",
            "graphql again",
            "graphql slow",
            "graphql too complex",
            "graphql unauthorized",
        ])
        .reaches(&["graphql unexpected", "rest data", "rest absent", "rest again"])
        .run(|text| {
            let Some(answer) = fuzz::request::read(text) else {
                return "no answer".into();
            };
            let status = answer.uri().path()[1..].parse().ok();
            let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) else {
                return "no status".into();
            };
            let (headers, body) = (answer.headers(), answer.body());
            assert_manners(headers);
            let rest = if text.len() % 2 == 0 { "rest" } else { "graphql" };
            let verdict = if rest == "rest" {
                judge_rest(status, headers, body)
            } else {
                judge(status, headers, body)
            };
            format!("{rest} {}", assert_sound(verdict, rest == "rest", status, body))
        });
}

/// Data is what GitLab gave as such, whole; all else is an error that can be told.
fn assert_sound(verdict: ResponseAction, is_rest: bool, status: StatusCode, body: &[u8]) -> &'static str {
    let (said, kind) = match verdict {
        ResponseAction::Data(data) => {
            assert_eq!(status, 200, "an error's body is taken for data");
            let whole = parse(body).expect("JSON");
            // Nothing of it is lost, not even what should not be there.
            assert_eq!(
                unwrapped(&data),
                if is_rest { whole.clone() } else { whole["data"].clone() }
            );
            if !is_rest {
                assert!(data.is_object(), "data is {data}");
                assert!(
                    whole["errors"].is_null() || whole["errors"] == json!([]),
                    "a page with holes is taken for whole"
                );
            }
            return "data";
        }
        ResponseAction::Again(said, wait) => {
            let concurrency = Concurrency::new();
            concurrency.pause_for(wait.unwrap_or(Duration::ZERO));
            (said, "again")
        }
        ResponseAction::Slow(said) => (said, "slow"),
        ResponseAction::Blocked(said) => (said, "blocked"),
        ResponseAction::Partial(partial) => {
            assert!(
                partial.data.is_object() && !partial.faults.is_empty(),
                "nothing is missing"
            );
            (partial.to_string(), "partial")
        }
        ResponseAction::Failed(error) => {
            let kind = match &error {
                Error::Unauthorized(_) => "unauthorized",
                Error::Absent(_) => "absent",
                Error::TooComplex(_) => "too complex",
                _ => "unexpected",
            };
            (error.to_string(), kind)
        }
    };
    assert!(said.chars().count() < 500, "an error repeats the answer");
    let is_json = parse(body).is_some();
    assert!(
        status != 401 || kind == "unauthorized" || kind == "blocked",
        "401 is {kind}"
    );
    assert!(
        status != 403 || is_json || kind == "blocked",
        "403 without JSON is {kind}"
    );
    // Trying again, or asking for less, must go on while GitLab is only busy.
    assert!(status != 429 || kind == "again", "429 is {kind}");
    kind
}

/// Headers steer how fast and where to go on; nothing in them leads elsewhere.
fn assert_manners(headers: &HeaderMap) {
    let path = "projects/7/jobs?per_page=100";
    if let Some(next) = next_page(path, headers, 100) {
        assert!(next.path.starts_with("projects/7/jobs?"), "the next page is {next:?}");
    }
    let at = clock(headers);
    assert!((1970..=9999).contains(&at.year()), "{at}");
    assert!(at - Duration::from_secs(86_400) < OffsetDateTime::now_utc() || at.year() > 2000);
    Concurrency::new().on_success(Duration::from_millis(1), headers);
}

/// An answer as it was before items that are no objects were put into one.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("_item") => fields["_item"].clone(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), unwrapped(value)))
            .collect(),
        Value::Array(items) => items.iter().map(unwrapped).collect(),
        other => other.clone(),
    }
}
