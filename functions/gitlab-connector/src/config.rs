//! The connector's settings.

mod callers;
mod options;
mod targets;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mergemind_shared::Secret;
use mergemind_shared::config::Env;
use mergemind_shared::functions_framework::{Settings as FunctionSettings, SignatureType};
use mergemind_shared::warehouse::Settings as WarehouseSettings;
use url::Url;

pub use callers::SyncCallers;
pub use options::{Options, parse_start};
pub use targets::{Discovery, Target};

/// Everything the connector is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where and how to listen.
    pub function: FunctionSettings,
    /// The raw tables.
    pub warehouse: WarehouseSettings,
    /// How callers are recognised.
    pub callers: SyncCallers,
    /// Whether a request may bring settings of its own.
    pub settings_in_body: bool,
    /// GitLab's address, without `/api`.
    pub gitlab_url: Url,
    /// Certificates that GitLab may show, or that signed its own.
    pub gitlab_ca_file: Option<PathBuf>,
    /// A token with the scope `read_api`.
    pub gitlab_token: Secret,
    /// The groups and projects to sync.
    pub targets: Vec<Target>,
    /// Who runs dbt after a sync; `None`: nobody.
    pub dbt: Option<DbtTrigger>,
    /// If the projects to sync are to be found, which ones.
    pub discovery: Option<Discovery>,
    /// What a sync is to do.
    pub options: Options,
    /// Hours between scheduled syncs; passed on to dbt.
    pub interval_hours: f64,
    /// After this time without a sign of life another process may sync.
    pub lease: Duration,
    /// How webhooks show that they come from GitLab.
    pub webhook: WebhookSecrets,
}

/// What GitLab was told when a webhook was set up.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecrets {
    /// The plain token.
    pub token: Option<Secret>,
    /// The signing token, `whsec_…`.
    pub signing: Option<Secret>,
}

impl WebhookSecrets {
    /// Reads again what lives in Secret Manager, see [`Secret::renew`]; whether anything is new.
    pub async fn renew(&self) -> bool {
        let mut new = false;
        for secret in self.token.iter().chain(&self.signing) {
            new |= secret.renew().await;
        }
        new
    }
}

/// How to call dbt-trigger.
#[derive(Clone, Debug)]
pub struct DbtTrigger {
    /// Its address.
    pub url: Url,
    /// Its bearer token.
    pub token: Secret,
    /// The audience of ID tokens, where Cloud Run lets only certain service accounts call it.
    pub audience: Option<String>,
    /// How long to wait for its answer; longer than dbt's own timeout.
    pub timeout: Duration,
}

/// Largest request in bytes. GitLab's webhooks have up to 25 MB (<https://docs.gitlab.com/administration/instance_limits/>);
/// nothing keeps that much of one.
const BODY_LIMIT: usize = 26 * 1024 * 1024;

/// What Standard Webhooks ask of a key (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
const SHORTEST_KEY: usize = 24;

impl Config {
    /// Declares and reads all variables.
    pub fn read(env: &mut Env) -> Self {
        let mut function = FunctionSettings::read(env, "gitlab-connector", &[SignatureType::Http]);
        function.body_limit = BODY_LIMIT;
        let warehouse = WarehouseSettings::read(env);
        let callers = SyncCallers::read(env, &function);
        let settings_in_body = env
            .bool(
                "ALLOW_SETTINGS_IN_BODY",
                "whether the body of POST / may bring settings of its own; needs AUTH_TOKEN",
            )
            .default(false);
        if settings_in_body && callers.tokens.is_none() {
            env.problem(
                "ALLOW_SETTINGS_IN_BODY",
                "is true, but AUTH_TOKEN is not set; set that to what callers show (openssl rand -hex 32)",
            );
        }
        let default = Url::parse("https://gitlab.com").expect("a constant");
        let gitlab_url = env.url("GITLAB_BASE_URL", "GitLab's address").default(default);
        let gitlab_ca_file = env
            .string(
                "GITLAB_CA_FILE",
                "PEM file with the authority that signed GitLab's certificate, or with the certificate itself",
            )
            .optional()
            .map(PathBuf::from);
        let gitlab_token = env
            .secret("GITLAB_TOKEN", "GitLab access token with the scope read_api")
            .required("a personal, group or project access token with the scope read_api");
        let groups = env
            .list(
                "GITLAB_GROUPS",
                "full paths of groups to sync, with all that is below them; commas between",
            )
            .default(Vec::new());
        let projects = env
            .list(
                "GITLAB_PROJECTS",
                "full paths or ids of single projects to sync; commas between",
            )
            .default(Vec::new());
        let discovery = targets::read_discovery(env);
        if groups.is_empty() && projects.is_empty() && discovery.is_none() {
            env.problem(
                "GITLAB_GROUPS",
                "is not set, nor is GITLAB_PROJECTS; set one of them to full paths, such as my-company or my-company/my-project, or AUTO_DISCOVER_PROJECTS to true",
            );
        }
        Self {
            function,
            warehouse,
            callers,
            settings_in_body,
            gitlab_url,
            gitlab_ca_file,
            gitlab_token,
            targets: targets::of(env, groups, projects),
            discovery,
            dbt: read_dbt(env),
            options: options::read(env),
            interval_hours: env
                .number(
                    "SYNC_INTERVAL_HOURS",
                    "hours between scheduled syncs, told to dbt-trigger",
                )
                .range(0.25, 24.0 * 31.0)
                .default(1.0),
            lease: env
                .duration(
                    "SYNC_LEASE_SECONDS",
                    "how long after a killed sync another one may not begin",
                )
                .check(at_least(5))
                .default(Duration::from_secs(120)),
            webhook: read_webhook(env),
        }
    }
}

fn at_least(seconds: u64) -> impl Fn(&Duration) -> Result<(), String> {
    move |time| {
        if time.as_secs() < seconds {
            return Err(format!("must be at least {seconds} s"));
        }
        Ok(())
    }
}

/// The key of a signing token.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with its name.
pub fn webhook_key(token: &str) -> Result<Vec<u8>, String> {
    let key = token
        .strip_prefix("whsec_")
        .and_then(|key| STANDARD.decode(key).ok())
        .ok_or("must be whsec_ and a key; GitLab shows it when a webhook is given a signing token")?;
    if key.len() < SHORTEST_KEY {
        return Err(format!(
            "has a key of fewer than {SHORTEST_KEY} bytes, so it can be guessed; make one with: echo whsec_$(openssl rand -base64 32)"
        ));
    }
    Ok(key)
}

fn read_webhook(env: &mut Env) -> WebhookSecrets {
    WebhookSecrets {
        token: env
            .token(
                "GITLAB_WEBHOOK_TOKEN",
                "the secret token of GitLab's webhooks, of at least 16 characters; unset, none is accepted by it",
            )
            .optional(),
        signing: env
            .secret_that(
                "GITLAB_WEBHOOK_SIGNING_TOKEN",
                "the signing token of GitLab's webhooks: whsec_ and a key of at least 24 bytes",
                |token| webhook_key(token).map(|_| ()),
            )
            .optional(),
    }
}

fn read_dbt(env: &mut Env) -> Option<DbtTrigger> {
    let url = env
        .url(
            "DBT_TRIGGER_URL",
            "dbt-trigger's address; unset, dbt is not run after a sync",
        )
        .optional();
    let token = env
        .secret("DBT_TRIGGER_AUTH_TOKEN", "the AUTH_TOKEN of dbt-trigger")
        .optional();
    let audience = env
        .string(
            "DBT_TRIGGER_AUDIENCE",
            "if dbt-trigger is a private Cloud Run service: its address; calls then carry an ID token for it",
        )
        .optional();
    let timeout = env
        .duration(
            "DBT_TRIGGER_TIMEOUT_SECONDS",
            "how long to wait for dbt; longer than dbt-trigger's own timeout",
        )
        .default(Duration::from_secs(900));
    match (url, token) {
        (Some(url), Some(token)) => Some(DbtTrigger {
            url,
            token,
            audience,
            timeout,
        }),
        (Some(_), None) => {
            env.problem(
                "DBT_TRIGGER_AUTH_TOKEN",
                "is not set; with DBT_TRIGGER_URL set, it must be the AUTH_TOKEN of dbt-trigger",
            );
            None
        }
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests;
