//! Settings in the body of `POST /`, for deployments that take them (`ALLOW_SETTINGS_IN_BODY`).

use mergemind_shared::ApiError;
use mergemind_shared::config::Env;
use serde_json::{Map, Value};

use crate::api::body::not_allowed;
use crate::config::{Config, DbtTrigger};
use crate::sync::{REQUEST_FIELDS, Syncer};

/// What a body may set there. Who may call, where this function listens, what it shows of itself to others
/// (`DBT_TRIGGER_AUDIENCE`) and what webhooks show to it are never among them.
const ALLOWED: [&str; 28] = [
    "project_id",
    "bq_dataset_raw",
    "bq_location",
    "bigquery_emulator_host",
    "bigquery_storage_emulator_host",
    "gitlab_base_url",
    "gitlab_token",
    "gitlab_groups",
    "gitlab_projects",
    "auto_discover_projects",
    "project_name_pattern",
    "exclude_projects",
    "include_private_projects",
    "include_archived",
    "max_projects_to_sync",
    "dbt_trigger_url",
    "dbt_trigger_auth_token",
    "dbt_trigger_timeout_seconds",
    "streams_off",
    "start_date",
    "sync_deadline_seconds",
    "sync_overlap_seconds",
    "max_records_per_sync",
    "reconcile_interval_hours",
    "hold_deletions_above_percent",
    "open_mr_refresh_hours",
    "dimensions_interval_hours",
    "sync_interval_hours",
];

/// A syncer with the settings of a body on top of this process's. It takes turns with this one.
///
/// # Errors
/// 400 with what is wrong with them.
pub async fn configured(syncer: &Syncer, body: &Map<String, Value>) -> Result<Syncer, ApiError> {
    let mut env = Env::from_process();
    env.add_file();
    let config = merged(syncer.config(), &mut env, body)?;
    syncer.beside(config).await.map_err(refused)
}

/// The settings of a body on top of those of `env`, which is where `ours` come from. What they make together is judged,
/// and not what the body looks like: our tokens and identity go to our own addresses alone.
///
/// # Errors
/// 400 with what is wrong with them.
pub fn merged(ours: &Config, env: &mut Env, body: &Map<String, Value>) -> Result<Config, ApiError> {
    if let Some(name) = body
        .keys()
        .find(|name| !ALLOWED.contains(&name.to_uppercase().to_lowercase().as_str()))
    {
        return Err(not_allowed(name, &[&REQUEST_FIELDS[..], &ALLOWED[..]].concat()));
    }
    env.add_body(body);
    let mut theirs = Config::read(env);
    let own_gitlab_token = brings(env, body, "GITLAB_TOKEN");
    let own_dbt_token = brings(env, body, "DBT_TRIGGER_AUTH_TOKEN");
    let (place, gitlab) = (other_place(ours, &theirs), theirs.gitlab_url != ours.gitlab_url);
    if gitlab && !own_gitlab_token {
        needs_own(env, "GITLAB_BASE_URL", "gitlab_token");
    }
    if place && !own_gitlab_token {
        // Else our rows would be carried away.
        needs_own(env, "BQ_DATASET_RAW", "gitlab_token");
    }
    if (gitlab || own_gitlab_token) && !place {
        env.problem(
            "GITLAB_TOKEN",
            "in the request's body needs a bq_dataset_raw of its own beside it: what that token does not see would be marked as deleted in ours",
        );
    }
    if theirs.warehouse.emulator.is_none()
        && (theirs.warehouse.project != ours.warehouse.project || ours.warehouse.emulator.is_some())
    {
        env.problem(
            "PROJECT_ID",
            "can't be another one in a request: this function's own Google account would work there",
        );
    }
    let url = |dbt: &Option<DbtTrigger>| dbt.as_ref().map(|dbt| dbt.url.clone());
    let dbt = url(&theirs.dbt) != url(&ours.dbt);
    if dbt && theirs.dbt.is_some() && !own_dbt_token {
        needs_own(env, "DBT_TRIGGER_URL", "dbt_trigger_auth_token");
    }
    env.finish().map_err(|problems| refused(problems.to_string()))?;

    // These are read from Secret Manager already, and renewed.
    theirs.callers = ours.callers.clone();
    theirs.webhook.clone_from(&ours.webhook);
    if !own_gitlab_token {
        theirs.gitlab_token = ours.gitlab_token.clone();
    }
    if let Some(trigger) = &mut theirs.dbt {
        match ours.dbt.as_ref().filter(|_| !dbt) {
            Some(our) if !own_dbt_token => trigger.token = our.token.clone(),
            Some(_) => {}
            None => trigger.audience = None,
        }
    }
    Ok(theirs)
}

/// Whether the raw tables are others than ours.
fn other_place(ours: &Config, theirs: &Config) -> bool {
    let place = |config: &Config| {
        let warehouse = &config.warehouse;
        (
            warehouse.project.clone(),
            warehouse.dataset.clone(),
            warehouse.emulator.clone(),
        )
    };
    place(ours) != place(theirs)
}

/// Whether a body sets a variable to something.
fn brings(env: &Env, body: &Map<String, Value>, variable: &str) -> bool {
    body.keys().any(|name| name.to_uppercase() == variable) && env.is_set(variable)
}

fn needs_own(env: &mut Env, variable: &str, token: &str) {
    env.problem(
        variable,
        format!("that is not ours needs a {token} beside it in the request's body: ours is not used for others"),
    );
}

fn refused(problems: String) -> ApiError {
    ApiError::bad_request("invalid_settings", "the settings in the body can't be used").with_hint(problems)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: [(&str, &str); 11] = [
        ("PROJECT_ID", "ours"),
        ("BQ_DATASET_RAW", "raw"),
        ("GITLAB_BASE_URL", "https://gitlab.ours.example"),
        ("GITLAB_GROUPS", "acme"),
        ("GITLAB_TOKEN", "glpat-ours-5b1c0e"),
        ("AUTH_TOKEN", "callers-9a41f07c5b1c0e22"),
        ("ALLOW_SETTINGS_IN_BODY", "true"),
        ("DBT_TRIGGER_URL", "https://dbt.ours.example"),
        ("DBT_TRIGGER_AUTH_TOKEN", "trigger-ours-77d0"),
        ("DBT_TRIGGER_AUDIENCE", "https://dbt.ours.example"),
        ("OTHER_SECRET", "hunter2"),
    ];

    fn merge_with(more: &[(&str, &str)], body: &Value) -> Result<Config, ApiError> {
        let env = || Env::from_map(OURS.iter().chain(more).map(|(name, value)| (*name, *value)));
        let ours = Config::read(&mut env());
        merged(&ours, &mut env(), body.as_object().expect("an object"))
    }

    fn merge(body: &Value) -> Result<Config, ApiError> {
        merge_with(&[], body)
    }

    #[test]
    fn our_tokens_and_our_rows_go_nowhere_else() {
        for (body, named) in [
            (json!({"gitlab_base_url": "http://evil.example"}), "GITLAB_BASE_URL"),
            (json!({"gitlab_base_url": null}), "GITLAB_BASE_URL"),
            (
                json!({"GitLab_Base_URL": "http://evil.example", "gitlab_token": ""}),
                "GITLAB_BASE_URL",
            ),
            (
                json!({"gitlab_base_url": "http://evil.example", "gitlab_token": "${OTHER_SECRET}", "bq_dataset_raw": "x"}),
                "GITLAB_TOKEN",
            ),
            (
                json!({"gitlab_base_url": "http://evil.example", "gitlab_token": "sm://projects/p/secrets/s", "bq_dataset_raw": "x"}),
                "GITLAB_TOKEN",
            ),
            (json!({"bq_dataset_raw": "loot"}), "BQ_DATASET_RAW"),
            (
                json!({"bigquery_emulator_host": "http://evil.example", "bigquery_storage_emulator_host": "http://evil.example"}),
                "BQ_DATASET_RAW",
            ),
            (json!({"project_id": "evil", "bq_dataset_raw": "loot"}), "PROJECT_ID"),
            (
                json!({"project_id": "evil", "bq_dataset_raw": "loot", "gitlab_token": "glpat-own-1"}),
                "PROJECT_ID",
            ),
            (json!({"dbt_trigger_url": "http://evil.example"}), "DBT_TRIGGER_URL"),
            // Another GitLab's rows, or what a smaller token sees, would replace ours.
            (
                json!({"gitlab_base_url": "http://evil.example", "gitlab_token": "glpat-own-1"}),
                "bq_dataset_raw",
            ),
            (json!({"gitlab_token": "glpat-own-1"}), "bq_dataset_raw"),
        ] {
            let error = merge(&body).map(|_| ()).expect_err(&body.to_string());
            assert_eq!(
                (error.status().as_u16(), error.code()),
                (400, "invalid_settings"),
                "{body}"
            );
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains(named), "{body}: {hint}");
            assert!(!hint.contains("hunter2") && !hint.contains("ours-"), "{body}: {hint}");
        }
    }

    #[test]
    fn what_concerns_this_process_is_never_set_by_a_body() {
        for name in [
            "dbt_trigger_audience",
            "DBT_TRIGGER_AUDIENCE",
            "auth_token",
            "auth_token_previous",
            "gitlab_webhook_token",
            "gitlab_webhook_signing_token",
            "allow_settings_in_body",
            "config_file",
            "host",
            "port",
            "secret_manager_emulator_host",
            "gitlab_tokn",
        ] {
            let error = merge(&json!({name: "x"})).map(|_| ()).expect_err(name);
            assert_eq!(
                (error.status().as_u16(), error.code()),
                (400, "setting_not_allowed"),
                "{name}"
            );
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("streams") && hint.contains("gitlab_groups"), "{hint}");
        }
    }

    #[test]
    fn who_brings_all_that_is_needed_is_served_without_our_identity() {
        let body = json!({
            "gitlab_base_url": "http://own.example", "gitlab_token": "glpat-own-1", "bq_dataset_raw": "own",
            "dbt_trigger_url": "http://dbt.own.example", "dbt_trigger_auth_token": "own-token-1", "gitlab_groups": "x",
        });
        let config = merge(&body).expect("sound");
        assert_eq!(&*config.gitlab_token.expose(), "glpat-own-1");
        let dbt = config.dbt.expect("a dbt-trigger");
        assert_eq!((&*dbt.token.expose(), dbt.audience), ("own-token-1", None));
        // Our own places keep our own tokens.
        let config = merge(&json!({"gitlab_groups": ["acme/web"], "gitlab_base_url": "https://gitlab.ours.example/"}));
        let config = config.expect("sound");
        assert_eq!(&*config.gitlab_token.expose(), "glpat-ours-5b1c0e");
        let dbt = config.dbt.expect("a dbt-trigger");
        assert_eq!(&*dbt.token.expose(), "trigger-ours-77d0");
        assert_eq!(dbt.audience.as_deref(), Some("https://dbt.ours.example"));
    }

    #[test]
    fn a_token_in_secret_manager_is_the_one_that_was_read_at_the_start() {
        let sm = [("GITLAB_TOKEN", "sm://projects/ours/secrets/gitlab")];
        let config = merge_with(&sm, &json!({"gitlab_groups": "acme/web"})).expect("sound");
        assert!(config.gitlab_token.reference().is_some());
    }
}
