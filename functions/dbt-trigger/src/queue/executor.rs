//! Does the runs, one after the other.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Queue;
use super::scope::Scope;
use crate::config::DbtConfig;
use crate::order::Action;
use crate::packages::Packages;
use crate::report::{Built, Results, Run, Verdict};
use crate::runner::{Ended, How, Invocation, Limits, Runner, project_args};
use crate::runs::Entry;
use crate::state::State;

/// Owns the runner, so there can be only one run.
pub struct Executor {
    pub runner: Runner,
    pub packages: Packages,
    pub config: DbtConfig,
    pub state: Arc<State>,
    pub stop: CancellationToken,
}

impl Executor {
    /// Serves `queue` in the background until the function stops; the handle ends when all is put away.
    pub fn start(self, queue: Queue) -> JoinHandle<()> {
        tokio::spawn(self.serve(queue))
    }

    async fn serve(mut self, queue: Queue) {
        let mut scope = Scope::new(self.config.follow_changes);
        self.runner.warm(&self.stop).await;
        loop {
            let entry = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                entry = queue.next() => entry,
                () = self.runner.cooled() => {
                    self.runner.warm(&self.stop).await;
                    continue;
                }
            };
            let run = self.run(&entry, &mut scope).instrument(entry.span.clone()).await;
            entry.end(Arc::new(run));
        }
        for entry in queue.drain() {
            entry.end(Arc::new(Run::that_never_began(&entry, Verdict::Stopped)));
        }
        self.runner.close().await;
    }

    async fn run(&mut self, entry: &Entry, scope: &mut Scope) -> Run {
        let run_id = entry.run_id.as_str();
        // Before the clock starts: the time limit is for dbt's work, not for Python's start.
        self.runner.warm(&self.stop).await;
        if entry.cancel.is_cancelled() {
            return Run::that_never_began(entry, Verdict::Cancelled);
        }
        entry.begin();
        let (begun, started_at) = (Instant::now(), OffsetDateTime::now_utc());
        let built = scope.plan(entry);
        tracing::info!(
            run_id,
            action = entry.action.name(),
            callers = entry.callers().1,
            "dbt run begins: {built}"
        );
        let limits = Limits {
            deadline: begun + self.config.timeout,
            stop: self.stop.clone(),
            cancel: entry.cancel.clone(),
        };
        let (ended, results) = match self.deps(run_id, &limits).await {
            Some(failed) => (failed, Ok(None)),
            None => self.command(entry, &built, &limits).await,
        };
        let verdict = match &results {
            Ok(results) => Verdict::of(&ended, results.as_ref(), self.config.timeout),
            Err(problem) => Verdict::CouldNotRun(problem.clone()),
        };
        scope.ended(&built, matches!(verdict, Verdict::Success | Verdict::Warning));
        let results = results.ok().flatten().unwrap_or_default();
        let run = Run {
            run_id: run_id.into(),
            action: entry.action,
            selection: entry.selection.clone(),
            built,
            started_at,
            elapsed: begun.elapsed(),
            dbt_version: results.dbt_version.clone().or(ended.dbt_version),
            results,
            verdict,
        };
        run.log();
        run
    }

    /// Installs packages if that is needed; how it ended, if not well.
    async fn deps(&mut self, run_id: &str, limits: &Limits) -> Option<Ended> {
        if !self.config.deps || !self.packages.need_deps() {
            return None;
        }
        tracing::info!(run_id, "the project's packages changed: running dbt deps");
        let mut args = vec!["deps".into()];
        args.extend(project_args(&self.config, None));
        let invocation = Invocation {
            id: format!("{run_id}-deps"),
            args,
            reuse_manifest: false,
        };
        let ended = self.runner.run(&invocation, limits).await;
        if ended.how == How::Exited(0) {
            self.packages.are_installed();
            return None;
        }
        Some(ended)
    }

    async fn command(
        &mut self,
        entry: &Entry,
        built: &Built,
        limits: &Limits,
    ) -> (Ended, Result<Option<Results>, String>) {
        if let Built::Changed(tables) = built
            && tables.is_empty()
        {
            return (Ended::nothing_to_do(), Ok(None));
        }
        let target = match self.prepare(entry) {
            Ok(target) => target,
            Err(problem) => return (Ended::nothing_to_do(), Err(problem)),
        };
        let invocation = Invocation {
            id: entry.run_id.clone(),
            args: self.args(entry, built, &target),
            reuse_manifest: entry.action != Action::Retry && entry.selection.is_of_the_parsed_project(),
        };
        let ended = self.runner.run(&invocation, limits).await;
        let (action, last) = (entry.action, self.state.last_results());
        let read = move || {
            if matches!(action, Action::Build | Action::Test | Action::Retry) {
                keep(&target.join(action.results_file()), &last);
            }
            Results::read(&target, action)
        };
        let read = tokio::task::spawn_blocking(read).await;
        (ended, read.unwrap_or_else(|e| Err(e.to_string())))
    }

    /// Sees to it that what is in the target directory afterwards is of this run; returns the directory.
    fn prepare(&self, entry: &Entry) -> Result<std::path::PathBuf, String> {
        // Another target or other variables are another project: they must not mix with the parsed one.
        let target = if entry.selection.is_of_the_parsed_project() {
            self.state.target().to_owned()
        } else {
            self.state.other_target()
        };
        let told = |e: std::io::Error| format!("can't prepare {}: {e}", target.display());
        std::fs::create_dir_all(&target).map_err(told)?;
        let results = target.join(entry.action.results_file());
        if entry.action == Action::Retry {
            let last = self.state.last_results();
            std::fs::create_dir_all(self.state.retry()).map_err(told)?;
            std::fs::copy(&last, self.state.retry().join("run_results.json"))
                .map_err(|_| "there is nothing to retry: this function has run nothing since its start".to_owned())?;
        }
        match std::fs::remove_file(&results) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(told(e)),
            _ => Ok(target),
        }
    }

    fn args(&self, entry: &Entry, built: &Built, target: &std::path::Path) -> Vec<String> {
        let mut args: Vec<String> = entry.action.command().iter().map(|&word| word.to_owned()).collect();
        args.extend(project_args(&self.config, entry.selection.target.as_deref()));
        args.extend(["--target-path".into(), target.display().to_string()]);
        args.extend(["--threads".into(), self.config.threads.to_string()]);
        match entry.action {
            Action::Retry => args.extend(["--state".into(), self.state.retry().display().to_string()]),
            Action::Freshness => {
                let file = target.join(entry.action.results_file());
                args.extend(["--output".into(), file.display().to_string()]);
            }
            // The emulator has none of the views that a catalogue is read from.
            Action::Docs if self.config.on_emulator => args.push("--empty-catalog".into()),
            _ => {}
        }
        if let Built::Changed(tables) = built {
            args.push("--select".into());
            args.extend(tables.iter().map(|table| format!("source:*.{table}+")));
        }
        args.extend(entry.selection.args());
        args
    }
}

/// Keeps results for a later retry: the next command overwrites them.
fn keep(results: &std::path::Path, last: &std::path::Path) {
    let kept = last.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let Err(e) = kept.and_then(|()| std::fs::copy(results, last).map(|_| ()))
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!("can't keep the results for a retry: {e}");
    }
}

impl Run {
    /// A run that was given up before its turn.
    pub fn that_never_began(entry: &Entry, verdict: Verdict) -> Self {
        Self {
            run_id: entry.run_id.clone(),
            action: entry.action,
            selection: entry.selection.clone(),
            built: Built::AsAsked,
            started_at: OffsetDateTime::now_utc(),
            elapsed: Duration::ZERO,
            dbt_version: None,
            results: Results::default(),
            verdict,
        }
    }
}
