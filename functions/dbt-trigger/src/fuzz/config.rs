//! The environment that the function starts with.

use fuzz::{Shape, Target};
use mergemind_shared::config::Env;
use mergemind_shared::secret::looks_like_placeholder;
use serde_json::{Map, Value};
use url::Url;

use super::{assert_no_canary, gist};
use crate::config::Config;

const NAMES: &[&str] = &[
    "AUTH_TOKEN",
    "AUTH_TOKEN_PREVIOUS",
    "FIVETRAN_WEBHOOK_SECRET",
    "DBT_PROJECT_DIR",
    "DBT_TARGETS",
    "DBT_TARGET",
    "DBT_TIMEOUT_SECONDS",
    "DBT_THREADS",
    "MAX_BYTES_BILLED",
    "STREAMS",
    "DBT_WORKER_MEMORY_MIB",
    "DBT_RUNNER",
    "BUILD_SCOPE",
    "REPORT_DIR",
    "PORT",
    "HOST",
    "K_SERVICE",
    "ID_TOKEN_AUDIENCE",
    "ID_TOKEN_ACCOUNTS",
    "ID_TOKEN_KEYS_URL",
    "ID_TOKEN_CHECKED_BY_CLOUD_RUN",
    "BIGQUERY_EMULATOR_HOST",
    "BIGQUERY_STORAGE_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
    "PROJECT_ID",
    "DBT_ARTIFACTS",
    "gs://bucket/path",
    "RUN_LEASE",
    "RUN_LEASE_SECONDS",
    "RUN_HISTORY",
    "DBT_PROJECT_GIT_URL",
    "DBT_PROJECT_GIT_REF",
    "DBT_PROJECT_GIT_TOKEN",
    "DBT_PROJECT_ARCHIVE",
    "sm://projects/p/secrets/s",
    "https://x:canary-bearer-7f3a9c@host/",
    "changeme",
    "5m",
    "1d",
];

#[test]
fn trigger_config() {
    Target::new("trigger_config", Shape::Json)
        .words(NAMES)
        .reaches(&["sound", "AUTH_TOKEN", "PORT", "DBT_RUNNER"])
        .run(|text| {
            let Ok(variables) = serde_json::from_slice::<Map<String, Value>>(text) else {
                return "no variables".into();
            };
            let variables: Vec<(String, String)> = variables
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
                .collect();
            let mut env = Env::from_map(variables.clone());
            let config = Config::read(&mut env);
            let problems = env.finish();
            let told = problems.as_ref().err().map(ToString::to_string).unwrap_or_default();
            if variables
                .iter()
                .all(|(name, value)| !value.contains("canary") || is_secret(name, value))
            {
                assert_no_canary(&format!("{told} {} {:?}", env.value_table(), config.callers));
            }
            match problems {
                Ok(()) => {
                    let token = variables
                        .iter()
                        .find(|(name, _)| name == "AUTH_TOKEN")
                        .map(|(_, value)| value.trim());
                    let token = token.expect("it starts without a token");
                    assert!(
                        !token.is_empty() && !looks_like_placeholder(token),
                        "it starts with {token}"
                    );
                    assert!(!config.dbt.timeout.is_zero() && (1..=256).contains(&config.dbt.threads));
                    // Google's accounts are let in only if they are named.
                    assert!(
                        config
                            .callers
                            .google
                            .is_none_or(|google| !google.accounts.is_empty() && !google.audiences.is_empty())
                    );
                    "sound".into()
                }
                Err(problems) => {
                    let first = &problems.0[0];
                    format!("{} {}", first.variable, gist(&first.message))
                }
            }
        });
}

/// Whether what `value` holds is in a place where a secret belongs, or where one is expected and refused.
fn is_secret(name: &str, value: &str) -> bool {
    if name.ends_with("TOKEN") || name.ends_with("SECRET") || name == "AUTH_TOKEN_PREVIOUS" {
        return !value.contains("sm://");
    }
    let is_address = name.ends_with("_URL") || name == "BIGQUERY_EMULATOR_HOST";
    let address = Url::parse(value.trim()).ok().filter(|url| is_address && url.has_host());
    address.is_some_and(|mut url| {
        let cut = url.set_password(None).and_then(|()| url.set_username(""));
        cut.is_ok() && ["http", "https"].contains(&url.scheme()) && !url.as_str().contains("canary")
    })
}
