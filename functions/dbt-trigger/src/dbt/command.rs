//! One command of dbt: what it is, when it is ended early, and how it ended.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::Log;
use crate::config::DbtConfig;

/// How a run is ended: each signal, and how long it may take to work. Together they fit into the
/// time that the function shim leaves its handlers after SIGTERM.
pub(super) const LADDER: [(Signal, Duration); 3] = [
    (Signal::Int, Duration::from_millis(3_500)),
    (Signal::Term, Duration::from_millis(1_500)),
    (Signal::Kill, Duration::from_millis(1_000)),
];

/// One dbt command.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Names it in the worker's protocol; unique.
    pub id: String,
    /// The subcommand and its flags.
    pub args: Vec<String>,
    /// The same without a selection, for writing certain rows alone, which the worker does where it can.
    pub narrowed: Option<Vec<String>>,
    /// Whether the project as the worker has parsed it may be used.
    pub reuse_manifest: bool,
}

/// When a command is ended before it ends by itself.
#[derive(Debug, Clone)]
pub struct RunLimits {
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
pub struct CommandResult {
    pub exit: Exit,
    pub log: Log,
    /// As the worker tells it; `None` from the command line.
    pub dbt_version: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
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

/// The signals of [`LADDER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Int,
    Term,
    Kill,
}

impl RunLimits {
    /// Waits until a command must end; why.
    pub(super) async fn reached(&self) -> Exit {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Exit::Stopped,
            () = self.cancel.cancelled() => Exit::Cancelled,
            () = self.lost.cancelled() => Exit::LeaseLost,
            () = tokio::time::sleep_until(self.deadline) => Exit::TimedOut,
        }
    }
}

impl CommandResult {
    /// A run that has nothing to build.
    pub fn nothing_to_do() -> Self {
        Self {
            exit: Exit::Exited(0),
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
pub(super) fn watched(config: &DbtConfig) -> Vec<PathBuf> {
    let mut directories = vec![config.project_dir.clone()];
    if !config.profiles_dir.starts_with(&config.project_dir) {
        directories.push(config.profiles_dir.join("profiles.yml"));
    }
    directories
}
