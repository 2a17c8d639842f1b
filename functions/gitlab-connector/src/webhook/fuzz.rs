//! Fuzz target: deliveries that say they come from GitLab.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fuzz::{Shape, Target};
use hmac::{Hmac, KeyInit, Mac};
use mergemind_shared::Secret;
use serde_json::Value;
use sha2::Sha256;

use crate::config::WebhookSecrets;
use crate::webhook::picker::Picker;
use crate::webhook::{payload, verify};

const TOKEN: &str = "canary-hook-41d9";
const KEY: &[u8] = b"canary-signing-key-of-32-bytes!!";

const WORDS: &[&str] = &[
    "x-gitlab-token: ",
    "webhook-signature: ",
    "webhook-id: ",
    "webhook-timestamp: ",
    "v1,",
    "v1a,",
    "{{signed}}",
    "{{now}}",
    "{{old}}",
    "{{empty}}",
    TOKEN,
    "object_kind",
    "merge_request",
    "issue",
    "work_item",
    "note",
    "pipeline",
    "push",
    "project",
    "path_with_namespace",
    "object_attributes",
    "iid",
    "sha",
    "ref",
    "refs/heads/",
    "refs/tags/v1",
];

#[test]
fn connector_webhook() {
    let signing = || Some(Secret::new(format!("whsec_{}", STANDARD.encode(KEY))));
    let token = || Some(Secret::new(TOKEN));
    let all = [
        (token(), None),
        (None, signing()),
        (token(), signing()),
        (None, None),
        (None, Some(Secret::new("whsec_"))),
    ];
    let all = all.map(|(token, signing)| WebhookSecrets { token, signing });
    Target::new("connector_webhook", Shape::Request)
        .words(WORDS)
        .reaches(&["token: ", "signature: ", "nothing: "])
        .run(|text| {
            let begin = fuzz::request::body_of(text);
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .expect("after 1970")
                .as_secs();
            let Some(request) = fuzz::request::read(&filled(text, begin, now)) else {
                return "no request".into();
            };
            let (headers, body) = (request.headers(), &text[begin..]);
            let shown = shown(headers, body, now);
            for secrets in &all {
                let let_in = verify::head(secrets, headers).and_then(|shown| match shown {
                    verify::Shown::Token => Ok(()),
                    verify::Shown::Signature(mut signature) => {
                        signature.take(body);
                        signature.check()
                    }
                });
                let expected = match shown {
                    Shown::Token => secrets.token.is_some(),
                    Shown::Signature => secrets.signing.as_ref().is_some_and(|key| key.len() > "whsec_".len()),
                    Shown::Nothing => false,
                };
                assert_eq!(let_in.is_ok(), expected, "{shown:?} with {secrets:?}: {let_in:?}");
                if let Err(refusal) = let_in {
                    assert_eq!(refusal.status(), 401);
                    assert!(!format!("{refusal:?} {secrets:?}").contains("canary"), "{refusal:?}");
                }
            }
            let mut picker = Picker::default();
            body.chunks(11).for_each(|piece| picker.take(piece));
            let picked = picker.picked();
            let hint = match serde_json::from_slice::<Value>(body) {
                Ok(payload) => assert_hint(&payload, &picked),
                Err(_) => "no JSON".into(),
            };
            format!("{}: {hint}", format!("{shown:?}").to_lowercase())
        });
}

/// A hint names only what the payload does, and as much as of the whole one.
fn assert_hint(payload: &Value, picked: &Value) -> String {
    assert_eq!(payload::read(picked), payload::read(payload), "{payload}");
    match payload::read(picked) {
        Ok(hint) => {
            assert_eq!(payload["project"]["path_with_namespace"], hint.project);
            let text = payload.to_string();
            assert!(
                hint.merge_requests
                    .iter()
                    .chain(&hint.issues)
                    .all(|iid| text.contains(&iid.to_string()))
            );
            assert!(hint.merge_requests.len() <= 1 && hint.issues.len() <= 1);
            let is_commit = |sha: &String| !sha.is_empty() && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(hint.pipelines_of.as_ref().is_none_or(is_commit));
            format!(
                "{} {} {} {}",
                hint.merge_requests.len(),
                hint.issues.len(),
                hint.pipelines_of.is_some(),
                hint.branch.is_some()
            )
        }
        Err(reason) => reason.chars().take(30).collect(),
    }
}

/// Puts times and right signatures in the places that are kept for them; `{{empty}}` is one by the empty key.
fn filled(text: &[u8], begin: usize, now: u64) -> Vec<u8> {
    let (head, body) = text.split_at(begin);
    let head = String::from_utf8_lossy(head)
        .replace("{{now}}", &now.to_string())
        .replace("{{old}}", &(now - 400).to_string());
    let value = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let (id, at) = (value("webhook-id"), value("webhook-timestamp"));
    let head = head
        .replace("{{signed}}", &signature(KEY, &id, &at, body))
        .replace("{{empty}}", &signature(b"", &id, &at, body));
    [head.as_bytes(), body].concat()
}

fn signature(key: &[u8], id: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// What a delivery shows, judged by other means than the function's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Token,
    Signature,
}

fn shown(headers: &HeaderMap, body: &[u8], now: u64) -> Shown {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("\u{1}"));
    let Some(signatures) = text("webhook-signature") else {
        let right = headers
            .get("x-gitlab-token")
            .is_some_and(|value| value.as_bytes() == TOKEN.as_bytes());
        return if right { Shown::Token } else { Shown::Nothing };
    };
    let (Some(id), Some(at)) = (text("webhook-id"), text("webhook-timestamp")) else {
        return Shown::Nothing;
    };
    let fresh = at.parse::<u64>().is_ok_and(|at| at.abs_diff(now) <= 300);
    let right = signatures.split(' ').any(|shown| shown == signature(KEY, id, at, body));
    if fresh && right {
        Shown::Signature
    } else {
        Shown::Nothing
    }
}
