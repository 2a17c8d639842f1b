//! Fuzz targets: whole requests to the routes, and settings in a request's body.

use axum::body::{Body, to_bytes};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Request};
use fuzz::{Shape, Target};
use mergemind_shared::config::Env;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use serde_json::{Map, Value};
use tower::ServiceExt;

use crate::api::{body, routes, settings};
use crate::config::Config;
use crate::sync::Syncer;

/// What this process was given, with canaries in the places of its secrets. No webhook concerns its group.
const ENVIRONMENT: [(&str, &str); 14] = [
    ("PROJECT_ID", "mergemind-local"),
    ("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1"),
    ("BIGQUERY_STORAGE_EMULATOR_HOST", "http://127.0.0.1:1"),
    ("GITLAB_BASE_URL", "http://127.0.0.1:1"),
    ("GITLAB_GROUPS", "of-nobody-5d0c2f"),
    ("GITLAB_TOKEN", "canary-gitlab-90b1"),
    ("AUTH_TOKEN", TOKEN),
    ("DBT_TRIGGER_URL", "http://127.0.0.1:1"),
    ("DBT_TRIGGER_AUTH_TOKEN", "canary-trigger-3be7"),
    ("DBT_TRIGGER_AUDIENCE", "http://127.0.0.1:1"),
    ("ALLOW_SETTINGS_IN_BODY", "true"),
    ("GITLAB_WEBHOOK_TOKEN", "canary-webhook-77aa"),
    ("DATABASE_PASSWORD", "canary-password-12ef"),
    ("OTHER_TOKEN", "glpat-of-another-gitlab"),
];
const TOKEN: &str = "canary-auth-6c21";

#[test]
fn connector_route() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let router = runtime.block_on(async {
        let mut env = Env::from_map(ENVIRONMENT);
        let config = Config::read(&mut env);
        env.finish().expect("sound settings");
        routes(Syncer::new(config).await.expect("a syncer"))
    });
    Target::new("connector_route", Shape::Request)
        .words(&[
            "POST /",
            "GET /",
            "/webhook",
            "/fivetran",
            "authorization: Bearer ",
            "{{token}}",
            "x-gitlab-token: ",
        ])
        .words(&[
            "{{hook}}",
            "secrets",
            "auth_token",
            "setup_test",
            "state",
            "column_types",
            "object_kind",
            "project",
        ])
        .reaches(&["stranger 401", "stranger 200", "caller", "hook 200"])
        .run(|text| {
            let (head, body) = text.split_at(fuzz::request::body_of(text));
            let head = String::from_utf8_lossy(head)
                .replace("{{token}}", TOKEN)
                .replace("{{hook}}", "canary-webhook-77aa");
            // Function connectors show their token in the body.
            let body = String::from_utf8_lossy(body).replace("{{secret}}", TOKEN);
            let text = head + &body;
            let Some(request) = fuzz::request::read(text.as_bytes()) else {
                return "no request".into();
            };
            let who = shown(&request);
            // Whoever may have a sync gets one, and there is nothing here to sync.
            if who == "caller" {
                return who.into();
            }
            let is_open = request.uri().path() == "/" && ["GET", "HEAD"].contains(&request.method().as_str());
            let mut request = request.map(Body::from);
            request.extensions_mut().insert(Shutdown::default());
            request.extensions_mut().insert(TraceContext::new_trace());
            let (status, answer) = runtime.block_on(async {
                let response = router.clone().oneshot(request).await.expect("routers do not fail");
                let (parts, body) = response.into_parts();
                let body = to_bytes(body, usize::MAX).await.expect("a body");
                (
                    parts.status.as_u16(),
                    format!("{} {:?}", String::from_utf8_lossy(&body), parts.headers),
                )
            });
            assert!([200, 400, 401, 404, 405, 413].contains(&status), "{status}: {answer}");
            assert!(
                is_open || who == "hook" || status >= 400,
                "a stranger got {status}: {answer}"
            );
            assert!(
                body.contains("canary") || !answer.contains("canary"),
                "a secret is told: {answer}"
            );
            format!("{who} {status}")
        });
}

/// Who a request shows to be from, judged by other means than the function's own.
fn shown(request: &Request<Vec<u8>>) -> &'static str {
    let headers = request.headers();
    let is_post = request.method() == "POST";
    match request.uri().path() {
        "/webhook" if is_post => {
            let token = headers
                .get("x-gitlab-token")
                .is_some_and(|token| token == "canary-webhook-77aa");
            if token && !headers.contains_key("webhook-signature") {
                "hook"
            } else {
                "stranger"
            }
        }
        "/fivetran" if is_post && has_token(headers) => "caller",
        "/fivetran" if is_post => {
            // Fields that nobody reads may hold what no tree can.
            let Ok(call) = serde_json::from_slice::<Map<String, Value>>(request.body()) else {
                let named = String::from_utf8_lossy(request.body()).contains(TOKEN);
                return if named { "caller" } else { "stranger" };
            };
            let shown = call.get("secrets").and_then(|secrets| secrets["auth_token"].as_str());
            match shown.is_some_and(|token| token.trim() == TOKEN) {
                true => "caller",
                false => "stranger",
            }
        }
        "/" if is_post && has_token(headers) => "caller",
        _ => "stranger",
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let (scheme, token) = text.trim().split_once(' ').unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && token.trim() == TOKEN
}

#[test]
fn connector_settings() {
    Target::new("connector_settings", Shape::Json)
        .words(&[
            "gitlab_base_url",
            "gitlab_token",
            "gitlab_groups",
            "gitlab_projects",
            "start_date",
            "streams",
            "streams_off",
        ])
        .words(&[
            "GITLAB_BASE_URL",
            "Gitlab_Token",
            "g\u{131}tlab_base_url",
            "port",
            "dbt_trigger_url",
            "dbt_trigger_auth_token",
        ])
        .words(&[
            "reconcile_interval_hours",
            "sync_interval_hours",
            "sync_lease_seconds",
            "sync_overlap_seconds",
            "bq_dataset_raw",
        ])
        .words(&[
            "auth_token_previous",
            "gitlab_webhook_signing_token",
            "max_records_per_sync",
            "project_name_pattern",
        ])
        .words(&[
            "${GITLAB_TOKEN}",
            "${AUTH_TOKEN}",
            "${DATABASE_PASSWORD}",
            "${OTHER_TOKEN}",
            "${NOWHERE}",
            "sm://projects/p/secrets/s",
        ])
        .words(&[
            "http://elsewhere.example",
            "2026-01-31",
            "0.25",
            "5m",
            "36500d",
            "whsec_",
            "config_file",
        ])
        .words(&[
            "dbt_trigger_audience",
            "bigquery_emulator_host",
            "bigquery_storage_emulator_host",
            "project_id",
        ])
        .reaches(&[
            "sound",
            "refused",
            "setting_not_allowed",
            "reference_not_allowed",
            "duplicate_field",
        ])
        .run(|text| {
            let ours = Config::read(&mut Env::from_map(ENVIRONMENT));
            let outcome =
                body::fields(text).and_then(|body| settings::merged(&ours, &mut Env::from_map(ENVIRONMENT), &body));
            assert!(
                !format!("{outcome:?}").contains("canary"),
                "a secret is told: {outcome:?}"
            );
            match outcome {
                Ok(config) => {
                    assert_ours_stay_here(&config);
                    "sound".into()
                }
                Err(refusal) => {
                    assert_eq!(refusal.status(), 400);
                    if refusal.code() != "invalid_settings" {
                        return refusal.code().to_owned();
                    }
                    let first = refusal.hint().and_then(|hint| hint.lines().nth(1)).unwrap_or_default();
                    let name: String = first
                        .trim()
                        .chars()
                        .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                        .collect();
                    format!("refused {}", name.chars().take(30).collect::<String>())
                }
            }
        });
}

/// Our tokens go to our own addresses alone, and times can be reckoned with.
fn assert_ours_stay_here(config: &Config) {
    let is_ours = |secret: &mergemind_shared::Secret| secret.expose().contains("canary");
    assert!(
        config.gitlab_url.port() == Some(1) || !is_ours(&config.gitlab_token),
        "our token goes to {}",
        config.gitlab_url
    );
    assert!(
        config.gitlab_token.reference().is_none(),
        "what we may read goes to {}",
        config.gitlab_url
    );
    if let Some(dbt) = &config.dbt {
        assert!(
            dbt.url.port() == Some(1) || !is_ours(&dbt.token) && dbt.audience.is_none(),
            "our token goes to {}",
            dbt.url
        );
        assert!(
            dbt.audience
                .as_deref()
                .is_none_or(|audience| audience == "http://127.0.0.1:1")
        );
    }
    let emulator = config.warehouse.emulator.as_ref().expect("no Google account of ours");
    let place = (config.warehouse.project.as_str(), config.warehouse.dataset.as_str());
    let here = emulator.rest == "http://127.0.0.1:1" && emulator.storage == "http://127.0.0.1:1";
    assert_eq!(
        here && place == ("mergemind-local", "mergemind_raw"),
        is_ours(&config.gitlab_token),
        "our rows go to {place:?} of {emulator:?}"
    );
    assert!((0.25..=744.0).contains(&config.interval_hours));
    let now = time::OffsetDateTime::now_utc();
    let options = &config.options;
    for time in [
        options.overlap,
        options.deadline,
        options.reconcile_every,
        options.refresh_every,
        config.lease,
    ] {
        assert!(
            now.checked_sub(time::Duration::try_from(time).expect("a time"))
                .is_some()
        );
        let _ = std::time::Instant::now() + time;
    }
    assert!(options.streams.contains("merge_requests") && options.streams.contains("users"));
}
