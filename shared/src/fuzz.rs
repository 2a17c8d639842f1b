//! Fuzz targets: what every request shows before it is known whose it is, and settings of every kind.

use std::time::Duration;

use ::fuzz::{Shape, Target};
use axum::http::header::AUTHORIZATION;
use serde_json::{Map, Value};
use url::Url;

use crate::auth::Tokens;
use crate::config::Env;
use crate::functions_framework::TraceContext;
use crate::secret::{Reference, Secret};

const CURRENT: &str = "canary-current-1";
const BEFORE: &str = "canary-before-2";

#[test]
fn shared_headers() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let tokens = Tokens::new(Secret::new(CURRENT), Some(Secret::new(BEFORE)));
    let unresolved = Reference::parse("sm://projects/p/secrets/s").expect("valid");
    let closed = Tokens::new(Secret::referring(unresolved), None);
    Target::new("shared_headers", Shape::Request)
        .words(&[
            "authorization: Bearer ",
            CURRENT,
            BEFORE,
            "Basic ",
            "traceparent: 00-",
            "x-cloud-trace-context: ",
            ";o=1",
        ])
        .words(&["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "-01"])
        .reaches(&["in new", "in of a caller", "out new", "out of a caller"])
        .run(|text| {
            let Some(request) = ::fuzz::request::read(text) else {
                return "no request".into();
            };
            let headers = request.headers();
            let let_in = runtime.block_on(tokens.check(headers));
            let values: Vec<_> = headers
                .get_all(AUTHORIZATION)
                .iter()
                .map(|value| value.as_bytes().trim_ascii())
                .collect();
            let right = match values[..] {
                [value] => [CURRENT, BEFORE].iter().any(|token| {
                    value.len() > 7
                        && value[..7].eq_ignore_ascii_case(b"bearer ")
                        && value[7..].trim_ascii() == token.as_bytes()
                }),
                _ => false,
            };
            assert_eq!(let_in.is_ok(), right, "{values:?}");
            assert!(
                runtime.block_on(closed.check(headers)).is_err(),
                "let in before there is a token"
            );
            if let Err(refusal) = &let_in {
                assert_eq!(refusal.status(), 401);
                assert!(
                    !format!("{refusal} {refusal:?} {tokens:?}").contains("canary"),
                    "{refusal:?}"
                );
            }
            let trace = TraceContext::from_headers(headers);
            let hex = |id: &str| {
                id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) && id.bytes().any(|b| b != b'0')
            };
            assert!(trace.trace_id.len() == 32 && hex(&trace.trace_id), "{trace:?}");
            assert!(
                trace.parent_span_id.as_ref().is_none_or(|id| id.len() == 16 && hex(id)),
                "{trace:?}"
            );
            let again = axum::http::HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("traceparent"),
                trace.traceparent().parse().expect("a header"),
            )]);
            assert_eq!(TraceContext::from_headers(&again).trace_id, trace.trace_id);
            let known = if trace.parent_span_id.is_some() {
                "of a caller"
            } else {
                "new"
            };
            format!("{} {known}", if right { "in" } else { "out" })
        });
}

/// A JSON object of settings, as in a file, with an environment to refer to.
#[test]
fn shared_settings() {
    Target::new("shared_settings", Shape::Json)
        .words(&[
            "text",
            "secret",
            "whole",
            "part",
            "flag",
            "url",
            "list",
            "time",
            "TEXT",
            "text ",
            "${SET}",
            "${ANSWER}",
            "${",
        ])
        .words(&[
            "https://me:canary-password@host/",
            "sm://projects/p/secrets/s",
            "250ms",
            "2h",
            "yes",
            "off",
            "changeme",
        ])
        .reaches(&["sound", "1 problem", "2 problem"])
        .run(|text| {
            let Ok(settings) = serde_json::from_slice::<Map<String, Value>>(text) else {
                return "no object".into();
            };
            let mut env = Env::from_map([
                ("SET", "from-the-environment"),
                ("ANSWER", "42"),
                ("SECRET", "canary-secret"),
            ]);
            env.add_json(&settings, "a file");
            let wanted = env.string("TEXT", "").optional();
            let secret = env.secret("SECRET", "").required("a secret");
            let whole: i64 = env.number("WHOLE", "").range(-5, 5).default(1);
            let part: f64 = env.number("PART", "").range(0.25, 744.0).default(1.0);
            env.bool("FLAG", "").default(false);
            let url = env
                .url("URL", "")
                .default(Url::parse("http://host.example").expect("a constant"));
            let list = env.list("LIST", "").default(Vec::new());
            let time = env.duration("TIME", "").default(Duration::from_secs(1));
            let outcome = env.finish();
            let told = format!("{} {} {outcome:?} {secret:?}", env.help_table(), env.value_table());
            assert!(!told.contains("canary-secret"), "a secret is told: {told}");
            if settings
                .iter()
                .all(|(name, value)| name.to_uppercase() == "URL" || !value.to_string().contains("canary"))
            {
                let hidden = url
                    .password()
                    .is_none_or(|password| !password.contains("canary") || !told.contains(password));
                assert!(hidden, "a password is told: {told}");
            }
            match outcome {
                Ok(()) => {
                    assert!(
                        secret.matches(b"canary-secret"),
                        "what the environment sets counts more"
                    );
                    assert!((-5..=5).contains(&whole) && (0.25..=744.0).contains(&part));
                    assert!(["http", "https"].contains(&url.scheme()) && url.has_host());
                    assert!(
                        list.iter()
                            .chain(&wanted)
                            .all(|text| !text.is_empty() && text.trim() == text)
                    );
                    assert!(Duration::from_secs_f64(part * 3600.0) + time < Duration::MAX / 2);
                    "sound".into()
                }
                Err(problems) => format!(
                    "{} problems, {}",
                    problems.0.len().min(9),
                    problems.0[0].variable.chars().take(12).collect::<String>()
                ),
            }
        });
}
