//! The other three processes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Failed, Process, free_port};
use crate::warehouse::{PROJECT, Warehouse};
use crate::{http, paths};

/// The token that the simulated GitLab takes.
pub const GITLAB_TOKEN: &str = "glpat-simulated";

/// A simulated GitLab.
#[derive(Debug)]
pub struct Gitlab {
    /// Its process.
    pub process: Process,
    /// Its address.
    pub url: String,
}

impl Gitlab {
    /// Starts it with `arguments` of its command line.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(arguments: &[&str], log: &Path) -> Result<Self, Failed> {
        let port = free_port()?;
        let mut command = Command::new(paths::binary("gitlab-sim"));
        command.args(["--port", &port.to_string()]).args(arguments);
        let url = format!("http://127.0.0.1:{port}");
        let mut process = Process::start("gitlab-sim", command, log)?;
        process.wait_until_healthy(&format!("{url}/healthz"), Duration::from_secs(60))?;
        Ok(Self { process, url })
    }

    /// Changes its data.
    ///
    /// # Errors
    /// If nothing fits the change.
    pub fn change(&self, change: &Value) -> Result<Value, Failed> {
        match http::post(&format!("{}/_sim/changes", self.url), None, change)? {
            (200, answer) => Ok(answer),
            (status, answer) => Err(format!("the change {change} was refused with {status}: {answer}")),
        }
    }

    /// All rows of a raw table, as they should be.
    ///
    /// # Errors
    /// If there is no such table.
    pub fn rows(&self, table: &str) -> Result<Vec<Value>, Failed> {
        match http::get(&format!("{}/_sim/rows/{table}", self.url))? {
            (200, Value::Array(rows)) => Ok(rows),
            (status, answer) => Err(format!("rows of {table}: {status} {answer}")),
        }
    }

    /// The rows of a raw table that belong to a group and all below it.
    ///
    /// # Errors
    /// If there is no such table or group.
    pub fn rows_of_group(&self, table: &str, group: &str) -> Result<Vec<Value>, Failed> {
        self.rows(&format!("{table}?group={group}"))
    }

    /// Its statistics.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn stats(&self) -> Result<Value, Failed> {
        Ok(http::get(&format!("{}/_sim/stats", self.url))?.1)
    }

    /// Begins its statistics anew.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn stats_reset(&self) -> Result<(), Failed> {
        http::post(&format!("{}/_sim/stats/reset", self.url), None, &json!({}))?;
        Ok(())
    }

    /// Replaces its faults; see its documentation for their form.
    ///
    /// # Errors
    /// If they are not understood.
    pub fn faults(&self, faults: &Value) -> Result<(), Failed> {
        match http::post(&format!("{}/_sim/faults", self.url), None, faults)? {
            (200..=299, _) => Ok(()),
            (status, answer) => Err(format!("faults were refused with {status}: {answer}")),
        }
    }
}

/// A running `gitlab-connector`.
#[derive(Debug)]
pub struct Connector {
    /// Its process.
    pub process: Process,
    /// Its address.
    pub url: String,
    /// The token that callers show: its `AUTH_TOKEN`, if it has one.
    pub token: Option<String>,
}

impl Connector {
    /// Starts it with nothing but these variables and its port.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(warehouse: &Warehouse, variables: &[(&str, &str)], log: &Path) -> Result<Self, Failed> {
        Self::start_at((&warehouse.rest, &warehouse.storage), variables, log)
    }

    /// Starts it for a warehouse at these addresses: REST and gRPC.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start_at(addresses: (&str, &str), variables: &[(&str, &str)], log: &Path) -> Result<Self, Failed> {
        let port = free_port()?;
        let mut command = function("gitlab-connector", port, addresses);
        command.envs(variables.iter().copied());
        let url = format!("http://127.0.0.1:{port}");
        let mut process = Process::start("gitlab-connector", command, log)?;
        process.wait_until_healthy(&format!("{url}/healthz"), Duration::from_secs(60))?;
        let token = variables.iter().rev().find(|(name, _)| *name == "AUTH_TOKEN");
        let token = token.map(|(_, token)| (*token).to_owned());
        Ok(Self { process, url, token })
    }

    /// The request that Cloud Scheduler would send.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn sync(&self) -> Result<http::Answer, Failed> {
        http::post(&self.url, self.token.as_deref(), &json!({"source": "scheduler"}))
    }
}

/// How to start dbt-trigger.
#[derive(Debug)]
pub struct TriggerOptions<'a> {
    /// The dbt project.
    pub project: PathBuf,
    /// The datasets of raw and modelled tables.
    pub datasets: (&'a str, &'a str),
    /// A folder for what dbt writes.
    pub state: PathBuf,
    /// The token that callers show.
    pub token: &'a str,
    /// Its `STREAMS`.
    pub streams: &'a str,
    /// Whether dbt's unit tests run too: they test the models and not the data, and take their time.
    pub unit_tests: bool,
    /// Whether a build of everything is followed by its documentation and report.
    pub reports: bool,
}

/// A running `dbt-trigger`.
#[derive(Debug)]
pub struct Trigger {
    /// Its process.
    pub process: Process,
    /// Its address.
    pub url: String,
}

impl Trigger {
    /// Starts it.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(warehouse: &Warehouse, options: &TriggerOptions, log: &Path) -> Result<Self, Failed> {
        let port = free_port()?;
        let mut command = function("dbt-trigger", port, (&warehouse.rest, &warehouse.storage));
        command
            .env("AUTH_TOKEN", options.token)
            .env("STREAMS", options.streams)
            .env("DBT_PYTHON", paths::venv_python("dbt"))
            .env("DBT_PROJECT_DIR", &options.project)
            .env("DBT_STATE_DIR", &options.state)
            .env("BQ_DATASET_RAW", options.datasets.0)
            .env("BQ_DATASET_MODELED", options.datasets.1);
        if !options.unit_tests {
            command.env("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test");
        }
        if options.reports {
            command.env("REPORT_DIR", paths::root().join("scripts/reporting"));
        }
        let url = format!("http://127.0.0.1:{port}");
        let mut process = Process::start("dbt-trigger", command, log)?;
        process.wait_until_healthy(&format!("{url}/healthz"), Duration::from_secs(60))?;
        Ok(Self { process, url })
    }
}

/// What a program is given of the caller's environment: where things are, and what time it is (`scripts/test --on`). Nothing
/// else that the caller's shell happens to hold may matter.
const INHERITED: [&str; 7] = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "LD_PRELOAD", "CLOCK_OFFSET"];

/// Takes everything from a program's environment that a test must not depend on.
pub fn with_own_environment(command: &mut Command) -> &mut Command {
    command.env_clear();
    for inherited in INHERITED {
        if let Some(value) = std::env::var_os(inherited) {
            command.env(inherited, value);
        }
    }
    command
}

/// A token of this run: 32 random bytes, as `openssl rand -hex 32` prints them.
///
/// # Errors
/// If the system has no random bytes.
pub fn new_token() -> Result<String, Failed> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| format!("/dev/urandom: {e}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// One of the functions on a port, for a warehouse at these addresses, not started yet, with an environment of its own.
pub fn function(name: &str, port: u16, (rest, storage): (&str, &str)) -> Command {
    let mut command = Command::new(paths::binary(name));
    with_own_environment(&mut command);
    if let Some(level) = std::env::var_os("LOG_LEVEL") {
        command.env("LOG_LEVEL", level);
    }
    command
        .env("PORT", port.to_string())
        .env("PROJECT_ID", PROJECT)
        .env("BIGQUERY_EMULATOR_HOST", rest)
        .env("BIGQUERY_STORAGE_EMULATOR_HOST", storage);
    command
}
