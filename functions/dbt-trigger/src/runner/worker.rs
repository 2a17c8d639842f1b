//! Runs dbt through a resident Python process that has dbt imported and the project parsed, and forks
//! a child per command; `python/worker.py` tells how and documents the protocol.

mod live;
mod told;

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Ended, How, Invocation, Launch, Limits, Log, project_args, watched};
use crate::config::DbtConfig;
use crate::state::State;
use live::{Live, Opening, Outcome};

/// How long the worker may take until it is ready. Imports take seconds, parsing a project of
/// thousands of models minutes; a worker that needs longer hangs.
const START_LIMIT: Duration = Duration::from_secs(300);

/// The resident process, and what it takes to start another.
#[derive(Debug)]
pub struct Worker {
    launch: Launch,
    parse_args: Vec<String>,
    watch: Vec<PathBuf>,
    live: Option<Live>,
    /// Why there is no live one.
    problem: String,
}

impl Worker {
    pub(super) fn new(launch: Launch, config: &DbtConfig, state: &State) -> Self {
        let mut parse_args = vec!["parse".into()];
        parse_args.extend(project_args(config, None));
        parse_args.extend(["--target-path".into(), state.target().display().to_string()]);
        Self {
            launch,
            parse_args,
            watch: watched(config),
            live: None,
            problem: "it was not started yet".into(),
        }
    }

    /// Starts the process unless it lives.
    pub(super) async fn warm(&mut self, stop: &CancellationToken) {
        if self.live.as_mut().is_some_and(Live::is_alive) {
            return;
        }
        self.live = None;
        let begun = Instant::now();
        let opening = Opening {
            parse_args: &self.parse_args,
            watch: &self.watch,
        };
        let started = tokio::select! {
            () = stop.cancelled() => Err("the function is stopping".into()),
            () = tokio::time::sleep(START_LIMIT) => Err(format!("it was not ready after {START_LIMIT:?}")),
            started = Live::start(&self.launch, opening) => started,
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
                self.live = Some(live);
            }
            Err(problem) => {
                if !stop.is_cancelled() {
                    tracing::error!("the dbt worker did not start: {problem}");
                }
                self.problem = problem;
            }
        }
    }

    /// Waits until the process, if there is one, has died.
    pub(super) async fn died(&mut self) {
        let Some(live) = &mut self.live else {
            return std::future::pending().await;
        };
        let how = live.wait().await;
        self.live = None;
        self.problem = format!("it died: {how}");
        tracing::warn!("the dbt worker died while it was idle ({how}); starting another");
    }

    pub(super) async fn run(&mut self, invocation: &Invocation, limits: &Limits) -> Ended {
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
    async fn run_once(&mut self, invocation: &Invocation, limits: &Limits) -> Option<Ended> {
        let Some(mut live) = self.live.take() else {
            return Some(lost(&self.problem));
        };
        match live.run(invocation, limits).await {
            Outcome::Ended { how, log } => {
                let dbt_version = Some(live.dbt_version.clone());
                self.live = Some(live);
                Some(Ended { how, log, dbt_version })
            }
            Outcome::Gone { how, log } => {
                self.problem = "it died".into();
                Some(Ended {
                    how,
                    log,
                    dbt_version: Some(live.dbt_version.clone()),
                })
            }
            Outcome::CannotFork => None,
        }
    }

    pub(super) async fn trim(&mut self, limit: u64, stop: &CancellationToken) {
        let held = self.live.as_ref().and_then(Live::pid).and_then(memory_of).unwrap_or(0);
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

fn lost(problem: &str) -> Ended {
    Ended {
        how: How::Lost(problem.into()),
        log: Log::default(),
        dbt_version: None,
    }
}
