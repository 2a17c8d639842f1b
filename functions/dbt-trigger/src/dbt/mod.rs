//! Runs dbt commands: through a resident worker, or as a command line.
//!
//! Both take one command at a time and end it the same way when its time is up: SIGINT, so that dbt
//! cancels its BigQuery jobs, then SIGTERM, then SIGKILL, each to the whole process group.

mod cli;
mod command;
mod launch;
mod log;
mod report;
mod worker;

use tokio_util::sync::CancellationToken;

use crate::config::{DbtConfig, RunnerKind};
use crate::work_dirs::WorkDirs;
pub use command::{CommandResult, Exit, Invocation, RunLimits, project_args};
use launch::Launch;
#[cfg(test)]
pub use log::Log;
pub use report::make_report;

/// What runs dbt.
#[derive(Debug)]
pub enum Runner {
    Worker(Box<worker::Worker>),
    Cli(cli::Cli),
}

impl Runner {
    /// Starts nothing yet.
    pub fn new(config: &DbtConfig, dirs: &WorkDirs) -> Self {
        let launch = Launch::new(config, dirs);
        match config.kind {
            RunnerKind::Worker => Self::Worker(Box::new(worker::Worker::new(launch, config, dirs))),
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
    pub async fn run(&mut self, invocation: &Invocation, limits: &RunLimits) -> CommandResult {
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
