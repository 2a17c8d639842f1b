//! The two functions as processes, told where they find everything.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use local_stack::{Failed, PROJECT, Process, binary, free_port, root, venv_python, with_own_environment};

/// What must never be seen in a log or an answer.
pub const CANARIES: [&str; 3] = [GITLAB_TOKEN, TRIGGER_TOKEN, HOOK_TOKEN];
/// The token that the simulated GitLab takes.
pub const GITLAB_TOKEN: &str = "glpat-canary-5f21c0d97ae3";
/// The token of dbt-trigger.
pub const TRIGGER_TOKEN: &str = "trigger-canary-81d6f04b3c92";
/// The token of webhooks.
pub const HOOK_TOKEN: &str = "hook-canary-c40a96e2d715";

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running function.
#[derive(Debug)]
pub struct Function {
    /// Its process.
    pub process: Process,
    /// Its address.
    pub url: String,
}

/// Where a warehouse is: its REST and its gRPC address.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// BigQuery's REST API.
    pub rest: String,
    /// The Storage Write API.
    pub storage: String,
}

/// Starts `gitlab-connector` for the GitLab at `gitlab`, with these streams beside the usual ones.
///
/// # Errors
/// If it does not come up.
pub fn connector(
    gitlab: &str,
    raw: &str,
    streams: &str,
    warehouse: &Addresses,
    log: &Path,
) -> Result<Function, Failed> {
    let mut command = command("gitlab-connector", warehouse);
    command
        .env("GITLAB_BASE_URL", gitlab)
        .env("GITLAB_TOKEN", GITLAB_TOKEN)
        .env("GITLAB_GROUPS", "acme")
        .env("GITLAB_WEBHOOK_TOKEN", HOOK_TOKEN)
        .env("BQ_DATASET_RAW", raw)
        .env("STREAMS", streams)
        // The shortest that is allowed, so that cursors come close to the newest rows.
        .env("SYNC_OVERLAP_SECONDS", "120")
        .env("SYNC_DEADLINE_SECONDS", "120");
    start("gitlab-connector", command, log)
}

/// Starts `dbt-trigger` for the datasets of raw tables and marts.
///
/// # Errors
/// If it does not come up.
pub fn trigger(raw: &str, marts: &str, state: &Path, warehouse: &Addresses, log: &Path) -> Result<Function, Failed> {
    let mut command = command("dbt-trigger", warehouse);
    command
        .env("AUTH_TOKEN", TRIGGER_TOKEN)
        .env("DBT_PYTHON", venv_python("dbt"))
        .env("DBT_PROJECT_DIR", root().join("models"))
        .env("DBT_STATE_DIR", state)
        .env("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test")
        .env("BQ_DATASET_RAW", raw)
        .env("BQ_DATASET_MODELED", marts);
    start("dbt-trigger", command, log)
}

/// A function with an environment of its own. A file that grows beyond a limit is an error for it, as on a
/// full disk, and no signal.
fn command(name: &str, warehouse: &Addresses) -> Command {
    let mut command = Command::new("sh");
    with_own_environment(&mut command)
        .arg("-c")
        .arg("trap '' XFSZ; exec \"$0\"")
        .arg(binary(name))
        .env("PROJECT_ID", PROJECT)
        .env("BIGQUERY_EMULATOR_HOST", &warehouse.rest)
        .env("BIGQUERY_STORAGE_EMULATOR_HOST", &warehouse.storage);
    command
}

fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Function, Failed> {
    let port = free_port()?;
    command.env("PORT", port.to_string());
    let url = format!("http://127.0.0.1:{port}");
    let mut process = Process::start(name, command, log)?;
    process.wait_until_healthy(&format!("{url}/healthz"), PATIENCE)?;
    Ok(Function { process, url })
}
