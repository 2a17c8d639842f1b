//! Runs dbt commands: through a resident worker, or as a command line.
//!
//! Both take one command at a time and end it the same way when its time is up: SIGINT, so that dbt
//! cancels its BigQuery jobs, then SIGTERM, then SIGKILL, each to the whole process group.

mod cli;
mod log;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{DbtConfig, RunnerKind};
use crate::state::State;
pub use log::Log;

/// How a run is ended: each signal, and how long it may take to work. Together they fit into the
/// time that the function shim leaves its handlers after SIGTERM.
const LADDER: [(Signal, Duration); 3] = [
    (Signal::Int, Duration::from_millis(3_500)),
    (Signal::Term, Duration::from_millis(1_500)),
    (Signal::Kill, Duration::from_millis(1_000)),
];

/// Beginnings of names of variables that are for this function alone: a project's macros can read all others.
const SECRETS: [&str; 3] = ["AUTH_TOKEN", "FIVETRAN_WEBHOOK_SECRET", "DBT_PROJECT_GIT_TOKEN"];

/// One dbt command.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Names it in the worker's protocol; unique.
    pub id: String,
    /// The subcommand and its flags.
    pub args: Vec<String>,
    /// Whether the project as the worker has parsed it may be used.
    pub reuse_manifest: bool,
}

/// When a command is ended before it ends by itself.
#[derive(Debug, Clone)]
pub struct Limits {
    /// At this time at the latest.
    pub deadline: Instant,
    /// When the function stops.
    pub stop: CancellationToken,
    /// When somebody cancels it.
    pub cancel: CancellationToken,
    /// When the lease under which it runs is lost.
    pub lost: CancellationToken,
}

/// How a command ended, and what it wrote.
#[derive(Debug)]
pub struct Ended {
    pub how: How,
    pub log: Log,
    /// As the worker tells it; `None` from the command line.
    pub dbt_version: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By itself, with dbt's exit code: 0 success, 1 a node failed, 2 dbt could not run.
    Exited(i32),
    /// By a signal that did not come from here, such as SIGKILL for want of memory.
    Killed(String),
    /// It was ended at its deadline.
    TimedOut,
    /// It was ended because the function stops.
    Stopped,
    /// It was ended because somebody cancelled it.
    Cancelled,
    /// It was ended because its lease was lost.
    LeaseLost,
    /// dbt could not be started, or the worker died in the middle; what happened.
    Lost(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Int,
    Term,
    Kill,
}

/// What runs dbt.
#[derive(Debug)]
pub enum Runner {
    Worker(Box<worker::Worker>),
    Cli(cli::Cli),
}

impl Runner {
    /// Starts nothing yet.
    pub fn new(config: &DbtConfig, state: &State) -> Self {
        let launch = Launch::new(config, state);
        match config.kind {
            RunnerKind::Worker => Self::Worker(Box::new(worker::Worker::new(launch, config, state))),
            RunnerKind::Cli => Self::Cli(cli::Cli::new(launch)),
        }
    }

    /// Gets ready for the next command, if there is something to get ready; problems are logged and
    /// show again when a command is run.
    pub async fn warm(&mut self, stop: &CancellationToken) {
        if let Self::Worker(worker) = self {
            worker.warm(stop).await;
        }
    }

    /// Waits until there is a reason to call [`Self::warm`] again: the worker died.
    pub async fn cooled(&mut self) {
        match self {
            Self::Worker(worker) => worker.died().await,
            Self::Cli(_) => std::future::pending().await,
        }
    }

    /// Runs one command to its end.
    pub async fn run(&mut self, invocation: &Invocation, limits: &Limits) -> Ended {
        match self {
            Self::Worker(worker) => worker.run(invocation, limits).await,
            Self::Cli(cli) => cli.run(invocation, limits).await,
        }
    }

    /// Starts what is resident anew if it has grown beyond `limit` MiB.
    pub async fn trim(&mut self, limit: u64, stop: &CancellationToken) {
        if let Self::Worker(worker) = self {
            worker.trim(limit, stop).await;
        }
    }

    /// Ends what is resident.
    pub async fn close(self) {
        if let Self::Worker(worker) = self {
            worker.close().await;
        }
    }
}

impl Limits {
    /// Waits until a command must end; why.
    async fn reached(&self) -> How {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => How::Stopped,
            () = self.cancel.cancelled() => How::Cancelled,
            () = self.lost.cancelled() => How::LeaseLost,
            () = tokio::time::sleep_until(self.deadline) => How::TimedOut,
        }
    }
}

/// How every Python process is started.
#[derive(Debug, Clone)]
struct Launch {
    python: String,
    environment: Arc<[(OsString, OsString)]>,
}

impl Launch {
    fn new(config: &DbtConfig, state: &State) -> Self {
        Self {
            python: config.python.clone(),
            environment: environment(std::env::vars_os(), config, state).into(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in a terminal is for this process, which ends dbt in order.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    fn explain(&self, error: &std::io::Error) -> String {
        format!(
            "can't start '{}': {error}; set DBT_PYTHON to the Python interpreter of the environment that has dbt",
            self.python
        )
    }
}

/// This process's environment without its tokens, with what dbt is told by it.
fn environment(
    own: impl Iterator<Item = (OsString, OsString)>,
    config: &DbtConfig,
    state: &State,
) -> Vec<(OsString, OsString)> {
    let mut all: Vec<_> = own
        .filter(|(name, _)| !SECRETS.iter().any(|secret| name.to_string_lossy().starts_with(secret)))
        .collect();
    let path = |path: &std::path::Path| path.as_os_str().to_owned();
    let log_level_file = if config.log_path.is_some() { "debug" } else { "none" };
    let mut set = |name: &str, value: OsString| {
        all.retain(|(known, _)| known != name);
        all.push((name.into(), value));
    };
    for (name, value) in &config.environment {
        set(name, value.into());
    }
    set("DBT_TARGET_PATH", path(state.target()));
    set("DBT_LOG_PATH", path(state.logs()));
    set("DBT_LOG_FORMAT", "json".into());
    set("DBT_LOG_LEVEL", "info".into());
    set("DBT_LOG_LEVEL_FILE", log_level_file.into());
    set("DBT_USE_COLORS", "false".into());
    set("PYTHONUNBUFFERED", "1".into());
    all
}

impl Ended {
    /// A run that has nothing to build.
    pub fn nothing_to_do() -> Self {
        Self {
            how: How::Exited(0),
            log: Log::default(),
            dbt_version: None,
        }
    }
}

/// The flags that all commands share; `target` is another one than the configured.
pub fn project_args(config: &DbtConfig, target: Option<&str>) -> Vec<String> {
    let mut args = vec![
        "--project-dir".into(),
        config.project_dir.display().to_string(),
        "--profiles-dir".into(),
        config.profiles_dir.display().to_string(),
    ];
    if let Some(target) = target.or(config.target.as_deref()) {
        args.extend(["--target".into(), target.to_owned()]);
    }
    args
}

/// The directories whose files a parsed project depends on.
fn watched(config: &DbtConfig) -> Vec<PathBuf> {
    let mut directories = vec![config.project_dir.clone()];
    if !config.profiles_dir.starts_with(&config.project_dir) {
        directories.push(config.profiles_dir.join("profiles.yml"));
    }
    directories
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dbt_gets_the_environment_but_no_token() {
        let project = crate::testing::empty_project();
        let (config, state) = crate::testing::dbt_config(project.path());
        let own = [
            ("AUTH_TOKEN", "x"),
            ("AUTH_TOKEN_PREVIOUS", "y"),
            ("PATH", "/bin"),
            ("DBT_LOG_FORMAT", "text"),
        ];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let all = environment(own, &config, &state);
        let value = |name: &str| {
            let found: Vec<_> = all.iter().filter(|(known, _)| known == name).collect();
            assert!(found.len() <= 1, "{name}");
            found.first().map(|(_, value)| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("AUTH_TOKEN"), None);
        assert_eq!(value("AUTH_TOKEN_PREVIOUS"), None);
        assert_eq!(value("PATH").as_deref(), Some("/bin"));
        assert_eq!(value("DBT_LOG_FORMAT").as_deref(), Some("json"));
        assert_eq!(value("BQ_DATASET_MODELED").as_deref(), Some("mergemind"));
        assert_eq!(value("DBT_SEND_ANONYMOUS_USAGE_STATS").as_deref(), Some("false"));
        assert_ne!(value("DBT_TARGET_PATH"), None);
    }
}
