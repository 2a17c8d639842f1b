//! Runs dbt through a resident Python process that has dbt imported and the project parsed, and forks
//! a child per command; `python/worker.py` tells how and documents the protocol.

mod process;
mod protocol;

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::command::{CommandResult, Exit, Invocation, RunLimits, project_args, watched};
use super::launch::Launch;
use super::log::Log;
use crate::config::DbtConfig;
use crate::work_dirs::WorkDirs;
use process::{CommandOutcome, OpenCommand, WorkerProcess, WorkerStartError};

/// How long the worker may take until it is ready. Imports take seconds, parsing a project of
/// thousands of models minutes; a worker that needs longer hangs.
const START_LIMIT: Duration = Duration::from_secs(300);

/// The resident process, and what it takes to start another.
#[derive(Debug)]
pub struct Worker {
    launch: Launch,
    parse_args: Vec<String>,
    watch: Vec<PathBuf>,
    live: Option<WorkerProcess>,
    /// Why there is no live one.
    problem: String,
    /// Why runs are slower than they could be, as it was last logged.
    slower: Vec<String>,
}

impl Worker {
    pub(super) fn new(launch: Launch, config: &DbtConfig, dirs: &WorkDirs) -> Self {
        let mut parse_args = vec!["parse".into()];
        parse_args.extend(project_args(config, None));
        parse_args.extend(["--target-path".into(), dirs.target().display().to_string()]);
        Self {
            launch,
            parse_args,
            watch: watched(config),
            live: None,
            problem: "it was not started yet".into(),
            slower: Vec::new(),
        }
    }

    /// Starts the process unless it lives.
    pub(super) async fn warm(&mut self, stop: &CancellationToken) {
        if self.live.as_mut().is_some_and(WorkerProcess::is_alive) {
            return;
        }
        self.live = None;
        let begun = Instant::now();
        let opening = OpenCommand {
            parse_args: &self.parse_args,
            watch: &self.watch,
        };
        let started = tokio::select! {
            () = stop.cancelled() => Err(WorkerStartError::Stopping),
            () = tokio::time::sleep(START_LIMIT) => Err(WorkerStartError::TooSlow(START_LIMIT)),
            started = WorkerProcess::start(&self.launch, opening) => started,
        };
        match started {
            Ok(live) => {
                let seconds = begun.elapsed().as_secs_f64();
                tracing::info!(
                    dbt_version = live.dbt_version.as_str(),
                    pid = live.pid(),
                    seconds,
                    "the dbt worker is ready after {seconds:.1} s"
                );
                if live.slower != self.slower {
                    self.slower.clone_from(&live.slower);
                    let why = live.slower.join("; ");
                    tracing::warn!("dbt runs without some of the worker's shortcuts, so more slowly: {why}");
                }
                self.live = Some(live);
            }
            Err(problem) => {
                if !stop.is_cancelled() {
                    tracing::error!("the dbt worker did not start: {problem}");
                }
                self.problem = problem.to_string();
            }
        }
    }

    /// Waits until the process, if there is one, has died.
    pub(super) async fn died(&mut self) {
        let Some(live) = &mut self.live else {
            return std::future::pending().await;
        };
        let exit = live.wait().await;
        self.live = None;
        self.problem = format!("it died: {exit}");
        tracing::warn!("the dbt worker died while it was idle ({exit}); starting another");
    }

    pub(super) async fn run(&mut self, invocation: &Invocation, limits: &RunLimits) -> CommandResult {
        let first = self.run_once(invocation, limits).await;
        if first.is_some() || limits.stop.is_cancelled() {
            return first.unwrap_or_else(|| lost("the function is stopping"));
        }
        // It could not fork safely, so nothing has run yet: a new process has no threads.
        tracing::warn!("the dbt worker could not fork; starting another");
        self.warm(&limits.stop).await;
        self.run_once(invocation, limits)
            .await
            .unwrap_or_else(|| lost("it can't fork, because Python threads run in it; set DBT_RUNNER=cli"))
    }

    /// `None` if the worker refused to fork and ended.
    async fn run_once(&mut self, invocation: &Invocation, limits: &RunLimits) -> Option<CommandResult> {
        let Some(mut live) = self.live.take() else {
            return Some(lost(&self.problem));
        };
        match live.run(invocation, limits).await {
            CommandOutcome::Finished { exit, log } => {
                let dbt_version = Some(live.dbt_version.clone());
                self.live = Some(live);
                Some(CommandResult { exit, log, dbt_version })
            }
            CommandOutcome::Gone { exit, log } => {
                self.problem = "it died".into();
                Some(CommandResult {
                    exit,
                    log,
                    dbt_version: Some(live.dbt_version.clone()),
                })
            }
            CommandOutcome::CannotFork => None,
        }
    }

    pub(super) async fn trim(&mut self, limit: u64, stop: &CancellationToken) {
        let held = self
            .live
            .as_ref()
            .and_then(WorkerProcess::pid)
            .and_then(memory_of)
            .unwrap_or(0);
        tracing::debug!(mib = held, "memory of the dbt worker");
        if held <= limit {
            return;
        }
        tracing::warn!("the dbt worker holds {held} MiB, more than {limit}; starting another");
        if let Some(live) = self.live.take() {
            live.close().await;
        }
        self.warm(stop).await;
    }

    pub(super) async fn close(self) {
        if let Some(live) = self.live {
            live.close().await;
        }
    }
}

/// The memory that a process holds, in MiB, where the system tells.
fn memory_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024)
}

fn lost(problem: &str) -> CommandResult {
    CommandResult {
        exit: Exit::Lost(problem.into()),
        log: Log::default(),
        dbt_version: None,
    }
}
