//! The parsers behind the routes, by themselves: more cases in the same time.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use fuzz::{Shape, Target};
use mergemind_shared::Secret;
use serde_json::{Value, json};

use super::{FIVETRAN, gist};
use crate::auth::fivetran::{FivetranSignature, SIGNATURE, SyncEvent, tests::sign};
use crate::request::event;
use crate::request::{Action, NodeSelection, RunRequest};

const FIELDS: &[&str] = &[
    "select",
    "exclude",
    "full_refresh",
    "target",
    "vars",
    "action",
    "source",
    "sync_info",
    "changed_tables",
    "run_dbt",
    "test",
    "docs",
    "freshness",
    "retry",
    "prod",
    "--vars",
    "-s",
    "tag:",
    "path:",
    "config.",
    "state:",
    "1+a+2",
    "@a",
    "a,b",
    "a.b.c",
    "[!a]",
];

#[test]
fn trigger_run_request() {
    let targets = ["prod".to_owned(), "dev".to_owned()];
    Target::new("trigger_run_request", Shape::Json)
        .words(FIELDS)
        .reaches(&["run_dbt", "test", "invalid_json", "invalid_selection", "unknown_action"])
        .run(|body| match RunRequest::parse(body, &targets) {
            Ok(request) => {
                assert_sound(&request, &targets);
                format!(
                    "{} with {} arguments",
                    request.action.name(),
                    request.selection.args().len().min(9)
                )
            }
            Err(refusal) => {
                assert_eq!(refusal.status(), 400);
                assert!(refusal.message().len() < 1_000, "the answer repeats the request");
                format!("{} {}", refusal.code(), gist(refusal.message()))
            }
        });
}

#[test]
fn trigger_event() {
    Target::new("trigger_event", Shape::Request)
        .words(&[
            "content-type: application/cloudevents+json",
            "ce-specversion: 1.0",
            "ce-id: 7",
            "ce-source: x",
        ])
        .words(&[
            "message",
            "messageId",
            "message_id",
            "data",
            "data_base64",
            "subscription",
            "action",
            "source",
            "id",
        ])
        .words(&["eyJhY3Rpb24iOiJ0ZXN0In0=", "specversion"])
        .reaches(&["an order", "news", "no event", "broken"])
        .run(|text| {
            let Some(request) = fuzz::request::read(text) else {
                return "no request".into();
            };
            match event::read(request.headers(), request.body()) {
                Ok(Some(pushed)) => {
                    assert!(
                        !pushed.id.is_empty() && pushed.id.len() <= 500,
                        "an id of {}",
                        pushed.id.len()
                    );
                    assert!(pushed.origin.chars().count() <= 150 && !pushed.origin.contains(char::is_control));
                    assert!(pushed.request.is_empty() || pushed.request.contains_key("action"));
                    // The same event has the same id, however often it comes.
                    let again = event::read(request.headers(), request.body());
                    assert!(matches!(again, Ok(Some(again)) if again == pushed), "another id");
                    let kind = if pushed.request.is_empty() { "news" } else { "an order" };
                    match RunRequest::from_fields(pushed.request, &[]) {
                        Ok(request) => format!("{kind} {}", request.action.name()),
                        Err(refusal) => format!("{kind} {}", refusal.code()),
                    }
                }
                Ok(None) => {
                    let headers = request.headers();
                    let kind = headers
                        .get(CONTENT_TYPE)
                        .map(|kind| kind.as_bytes().to_vec())
                        .unwrap_or_default();
                    assert!(
                        !kind.starts_with(b"application/cloudevents+json"),
                        "an event is taken for an order"
                    );
                    "no event".into()
                }
                Err(problem) => format!("broken {}", problem.to_string().chars().take(20).collect::<String>()),
            }
        });
}

#[test]
fn trigger_fivetran() {
    let secret = Secret::new(FIVETRAN);
    Target::new("trigger_fivetran", Shape::Request)
        .words(&[
            "x-fivetran-signature-256: ",
            "sync_end",
            "SUCCESSFUL",
            "event",
            "data",
            "status",
            "sync_id",
        ])
        .words(&["connector_name", "connector_id"])
        .reaches(&["true synced", "true ignored", "false", "no signature"])
        .run(|text| {
            let body = &text[fuzz::request::body_of(text)..];
            let right = sign(body, FIVETRAN);
            let text = String::from_utf8_lossy(&text[..text.len() - body.len()]).replace("{{sign}}", &right);
            let Some(request) = fuzz::request::read(&[text.as_bytes(), body].concat()) else {
                return "no request".into();
            };
            let shown: Vec<String> = shown(request.headers());
            let Some(signature) = FivetranSignature::from_headers(request.headers()) else {
                assert!(
                    shown.len() != 1 || !shown[0].eq_ignore_ascii_case(&right),
                    "a right signature is not seen"
                );
                return "no signature".into();
            };
            let is_right = signature.is_of(body, &secret);
            assert_eq!(is_right, shown.len() == 1 && shown[0].eq_ignore_ascii_case(&right));
            assert!(!signature.is_of(body, &Secret::new("")), "an empty secret signs");
            match SyncEvent::read(body) {
                SyncEvent::Synced { sync_id, connector } => {
                    assert!(!sync_id.is_empty() && sync_id.len() <= 200);
                    assert!(connector.chars().count() <= 100 && !connector.contains(char::is_control));
                    // Fields that nobody reads may hold what is no text; then there is nothing to compare.
                    if let Ok(payload) = serde_json::from_slice::<Value>(body) {
                        assert_eq!(payload["event"], "sync_end");
                        assert_eq!(payload["data"]["status"], "SUCCESSFUL");
                    }
                    format!("{is_right} synced")
                }
                SyncEvent::Ignored(reason) => {
                    assert!(reason.len() < 500, "the answer repeats the request");
                    format!("{is_right} ignored {}", reason.chars().take(40).collect::<String>())
                }
            }
        });
}

fn shown(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SIGNATURE).iter();
    values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
        .collect()
}

/// All that was let in is harmless, and reads back as the same.
fn assert_sound(request: &RunRequest, targets: &[String]) {
    let RunRequest { action, selection, .. } = request;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/*?[]+@:,".contains(c);
    for selector in selection.select.iter().chain(&selection.exclude) {
        assert!(
            !selector.starts_with('-') && !selector.is_empty(),
            "an option: {selector}"
        );
        assert!(selector.len() <= 200 && selector.chars().all(allowed), "{selector}");
        for part in selector.split(',') {
            assert!(!part.is_empty() && !part.starts_with('-'), "{selector}");
            let (_, value) = part.split_once(':').unwrap_or(("", part));
            assert!(
                !value.split('/').any(|folder| folder == ".."),
                "{selector} leaves the project"
            );
            assert!(value.matches("**").count() <= 1, "{selector} takes dbt for ever");
        }
    }
    assert!(selection.select.len() <= 100 && selection.exclude.len() <= 100 && selection.vars.len() <= 50);
    assert!(selection.target.as_ref().is_none_or(|target| targets.contains(target)));
    let vars = Value::Object(selection.vars.clone()).to_string();
    for dangerous in ["{{", "{%", "{#", "'", "`", ";", "\\", "$("] {
        assert!(!vars.contains(dangerous), "{vars}");
    }
    assert_eq!(selection.args(), expected_args(selection));
    assert!(*action != Action::Retry || selection.is_everything());
    if let Some(tables) = request.changed_tables() {
        assert!(tables.len() <= 500);
        let name = |table: &String| !table.is_empty() && table.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        assert!(tables.iter().all(name), "{tables:?}");
    }
    let again = json!({
        "source": request.source, "action": action.name(), "sync_info": request.sync_info,
        "select": selection.select.join(" "), "exclude": selection.exclude, "vars": selection.vars,
        "full_refresh": selection.full_refresh, "target": selection.target,
    });
    let Value::Object(mut again) = again else {
        unreachable!("an object")
    };
    // None at all is written by leaving it out.
    again.retain(|_, value| !matches!(value, Value::String(text) if text.is_empty()) && *value != json!([]));
    again.insert("source".into(), request.source.clone().into());
    let text = Value::Object(again).to_string();
    assert_eq!(
        RunRequest::parse(text.as_bytes(), targets).as_ref().ok(),
        Some(request),
        "{text}"
    );
}

/// dbt's arguments, put together in another way than the product does.
fn expected_args(selection: &NodeSelection) -> Vec<String> {
    let mut args = Vec::new();
    for (option, values) in [("--select", &selection.select), ("--exclude", &selection.exclude)] {
        if let [_, ..] = values[..] {
            args = [args, vec![option.to_owned()], values.clone()].concat();
        }
    }
    args.extend(selection.full_refresh.then(|| "--full-refresh".to_owned()));
    if !selection.vars.is_empty() {
        args.push("--vars".into());
        args.push(serde_json::to_string(&selection.vars).expect("JSON"));
    }
    args
}
