//! Does the runs, one after the other.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::memory::PlanMemory;
use super::{Queue, command, last_results};
use crate::config::DbtConfig;
use crate::dbt::{CommandResult, Exit, Invocation, RunLimits, make_report, project_args};
use crate::orphans::Orphans;
use crate::project::{self, Project, Watched};
use crate::records::{Artifacts, BuildMemory, History, Leases, REPORT, Recorder, RunLease};
use crate::request::{Action, RunRequest};
use crate::run::{BuildSet, CalledBy, Outcome, Results, ResultsError, Run, RunResult};

/// Why a command of dbt was not run, or its results are not known.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("there is no project")]
    NoProject,
    #[error(transparent)]
    Prepare(#[from] command::PrepareError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error("its results can't be read: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Owns the project and its runner, so there can be only one run.
pub struct Dispatcher {
    /// `None` until a project is fetched.
    pub project: Option<Project>,
    /// Where new versions of it come from, if it is fetched.
    pub watched: Option<Watched>,
    pub config: DbtConfig,
    pub artifacts: Artifacts,
    pub recorder: Recorder,
    /// What keeps several instances from running at once, if anything.
    pub leases: Option<Leases>,
    /// What all instances have run: a retry looks there, and runs that an instance lost are told there.
    pub history: Option<History>,
    /// What earlier runs have built, whoever ran them; `None`: this process knows its own.
    pub builds: Option<BuildMemory>,
    pub stop: CancellationToken,
}

impl Dispatcher {
    /// Serves `queue` in the background until the function stops; the handle ends when all is put away.
    pub fn start(self, queue: Queue) -> JoinHandle<()> {
        tokio::spawn(self.serve(queue))
    }

    async fn serve(mut self, queue: Queue) {
        let mut memory = PlanMemory::new(self.builds.clone());
        let mut orphans = Orphans::default();
        if let Some(project) = &mut self.project {
            project.runner.warm(&self.stop).await;
        }
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                fetched = next_version(&mut self.watched) => self.switch(fetched).await,
                run = queue.next() => {
                    let span = run.span.clone();
                    self.serve_one(&run, &mut memory, &queue).instrument(span).await;
                    orphans.take_in();
                }
                () = cooled(&mut self.project) => {
                    if let Some(project) = &mut self.project {
                        project.runner.warm(&self.stop).await;
                    }
                }
            }
        }
        for run in queue.drain() {
            self.end(&run, RunResult::never_began(&run, Outcome::Stopped));
        }
        if let Some(project) = self.project {
            project.runner.close().await;
        }
    }

    async fn switch(&mut self, fetched: Project) {
        if let Some(old) = self.project.replace(fetched) {
            project::forget(&old);
            old.runner.close().await;
        }
    }

    async fn serve_one(&mut self, run: &Arc<Run>, memory: &mut PlanMemory, queue: &Queue) {
        let result = match self.take_lease(run).await {
            Ok(lease) => {
                let result = self.run(run, memory, lease.as_ref()).await;
                if let Some(lease) = lease {
                    lease.give_back().await;
                }
                result
            }
            Err(outcome) => RunResult::never_began(run, outcome),
        };
        let has_all_built = result.built == BuildSet::All && matches!(result.status(), "success" | "warning");
        self.end(run, result);
        if has_all_built && self.config.report_dir.is_some() {
            show(queue);
        }
        if let Some(project) = &mut self.project {
            project.runner.trim(self.config.worker_memory, &self.stop).await;
        }
    }

    fn end(&self, run: &Arc<Run>, result: RunResult) {
        result.log();
        run.end(Arc::new(result));
        self.recorder.record(run);
    }

    /// Waits for the right to run; the error is what the run comes to without.
    async fn take_lease(&self, run: &Run) -> Result<Option<RunLease>, Outcome> {
        let Some(leases) = &self.leases else {
            return Ok(None);
        };
        let given_up = self.stop.child_token();
        let cancelled = async {
            run.cancel.cancelled().await;
            given_up.cancel();
            std::future::pending::<()>().await;
        };
        // Targets build different datasets, so they don't disturb each other.
        let target = run.selection.target.as_ref().or(self.config.target.as_ref());
        let target = target.map(String::as_str);
        let name = format!("run:{}", target.unwrap_or_default());
        let taken = tokio::select! {
            taken = leases.take(&name, &given_up) => taken,
            () = cancelled => unreachable!("it never ends"),
        };
        match taken {
            Ok(Some(lease)) => {
                if let (true, Some(history)) = (lease.others_may_have_died, &self.history)
                    && let Err(problem) = history.mark_lost_of(target).await
                {
                    tracing::warn!("the history can't be mended: {problem}");
                }
                Ok(Some(lease))
            }
            Ok(None) if self.stop.is_cancelled() => Err(Outcome::Stopped),
            Ok(None) => Err(Outcome::Cancelled),
            Err(problem) => Err(Outcome::CouldNotRun(format!("the lease can't be taken: {problem}"))),
        }
    }

    /// Runs dbt, but not longer than `lease` is ours: another instance may run it then.
    async fn run(&mut self, run: &Arc<Run>, memory: &mut PlanMemory, lease: Option<&RunLease>) -> RunResult {
        let run_id = run.run_id.as_str();
        if let Err(outcome) = self.make_ready().await {
            return RunResult::never_began(run, outcome);
        }
        if run.cancel.is_cancelled() {
            return RunResult::never_began(run, Outcome::Cancelled);
        }
        let (begun, started_at) = (Instant::now(), run.begin());
        let cursors = lease.map(|lease| lease.cursors.as_slice());
        memory.recall(run, self.project.as_ref(), cursors).await;
        let built = memory.plan.choose(run, self.config.follow_changes, started_at);
        tracing::info!(
            event = "run_begins",
            run_id,
            action = run.action.name(),
            callers = run.callers().1,
            "dbt run begins: {built}"
        );
        self.recorder.record(run);
        let beginning = memory.begin(run, &built);
        let limits = RunLimits {
            deadline: begun + self.config.timeout,
            stop: self.stop.clone(),
            cancel: run.cancel.clone(),
            lost: lease.map(|lease| lease.lost().clone()).unwrap_or_default(),
        };
        let (ended, results) = match self.deps(run_id, &limits).await {
            Some(failed) => (failed, Ok(None)),
            None => self.command(run, &built, &limits).await,
        };
        let outcome = match &results {
            Ok(results) => Outcome::of(&ended, results.as_ref(), self.config.timeout),
            Err(problem) => Outcome::CouldNotRun(problem.to_string()),
        };
        let well = matches!(outcome, Outcome::Success | Outcome::Warning);
        memory.end(&built, well, started_at, beginning).await;
        let results = results.ok().flatten().unwrap_or_default();
        RunResult {
            run_id: run_id.into(),
            action: run.action,
            selection: run.selection.clone(),
            built,
            started_at,
            elapsed: begun.elapsed(),
            dbt_version: results.dbt_version.clone().or(ended.dbt_version),
            results,
            outcome,
            project_version: self.project.as_ref().and_then(|project| project.version.clone()),
        }
    }

    /// Sees to it that there is a project, and that it is warm: the time limit is for dbt's work, not for
    /// Python's start.
    async fn make_ready(&mut self) -> Result<(), Outcome> {
        if self.project.is_none()
            && let Some(watched) = &mut self.watched
        {
            self.project = tokio::select! {
                () = self.stop.cancelled() => return Err(Outcome::Stopped),
                project = watched.ready.recv() => project,
                problem = problem_of(&mut watched.problem) => {
                    return Err(Outcome::CouldNotRun(format!("the project can't be fetched: {problem}")));
                }
            };
        }
        match &mut self.project {
            Some(project) => {
                project.runner.warm(&self.stop).await;
                Ok(())
            }
            None => Err(Outcome::Stopped),
        }
    }

    /// Installs packages if that is needed; how it ended, if not well.
    async fn deps(&mut self, run_id: &str, limits: &RunLimits) -> Option<CommandResult> {
        let project = self.project.as_mut()?;
        if !self.config.deps || !project.packages.need_deps() {
            return None;
        }
        tracing::info!(run_id, "the project's packages changed: running dbt deps");
        let mut args = vec!["deps".into()];
        args.extend(project_args(&project.config, None));
        let invocation = Invocation {
            id: format!("{run_id}-deps"),
            args,
            narrowed: None,
            reuse_manifest: false,
        };
        let ended = project.runner.run(&invocation, limits).await;
        if ended.exit == Exit::Exited(0) {
            project.packages.are_installed();
            return None;
        }
        Some(ended)
    }

    async fn command(
        &mut self,
        run: &Run,
        built: &BuildSet,
        limits: &RunLimits,
    ) -> (CommandResult, Result<Option<Results>, CommandError>) {
        if let BuildSet::Changed(tables) | BuildSet::Live { tables, .. } = built
            && tables.is_empty()
        {
            return (CommandResult::nothing_to_do(), Ok(Some(Results::default())));
        }
        let Some(project) = &mut self.project else {
            return (CommandResult::nothing_to_do(), Err(CommandError::NoProject));
        };
        if run.action == Action::Retry {
            let target = self.config.target.as_deref();
            last_results::recall(self.history.as_ref(), run, target, &project.dirs).await;
        }
        let target = match command::prepare(run, &project.dirs) {
            Ok(target) => target,
            Err(problem) => return (CommandResult::nothing_to_do(), Err(problem.into())),
        };
        let invocation = Invocation {
            id: run.run_id.clone(),
            args: command::args(run, built, project, &target),
            narrowed: command::narrowed_args(run, built, project, &target),
            reuse_manifest: run.action != Action::Retry && run.selection.is_of_the_parsed_project(),
        };
        let ended = project.runner.run(&invocation, limits).await;
        if let (Action::Docs, Some(folder)) = (run.action, &self.config.report_dir) {
            let page = target.join(REPORT);
            let _ = tokio::fs::remove_file(&page).await;
            if let Err(problem) = make_report(&project.config, &project.dirs, (folder, &page), limits).await {
                tracing::warn!("there is no report: {problem}");
            }
        }
        let (action, last) = (run.action, project.dirs.last_results());
        let (artifacts, run_id) = (self.artifacts.clone(), run.run_id.clone());
        let read = move || {
            if matches!(action, Action::Build | Action::Test | Action::Retry) {
                command::keep(&target.join(action.results_file()), &last);
            }
            artifacts.collect(&run_id, &target, action);
            Results::read(&target, action)
        };
        let read = tokio::task::spawn_blocking(read).await;
        (ended, read.map_err(CommandError::from).and_then(|read| Ok(read?)))
    }
}

/// Has the documentation and the report made of what was built.
fn show(queue: &Queue) {
    let request = RunRequest {
        source: "dbt-trigger".into(),
        action: Action::Docs,
        ..RunRequest::default()
    };
    let asked = CalledBy {
        source: request.source.clone(),
        caller: "itself".into(),
    };
    if let Err(problem) = queue.submit(&request, asked) {
        tracing::info!("the documentation and the report are left as they are: {problem}");
    }
}

/// Waits for a new version; for ever, if none can come.
async fn next_version(watched: &mut Option<Watched>) -> Project {
    if let Some(watched) = watched
        && let Some(project) = watched.ready.recv().await
    {
        return project;
    }
    std::future::pending().await
}

/// Waits for a problem that the watcher has now or meets next.
async fn problem_of(problem: &mut watch::Receiver<Option<String>>) -> String {
    loop {
        if let Some(problem) = problem.borrow_and_update().clone() {
            return problem;
        }
        if problem.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn cooled(project: &mut Option<Project>) {
    match project {
        Some(project) => project.runner.cooled().await,
        None => std::future::pending().await,
    }
}

impl RunResult {
    /// A run that was given up before its turn.
    pub fn never_began(run: &Run, outcome: Outcome) -> Self {
        Self {
            run_id: run.run_id.clone(),
            action: run.action,
            selection: run.selection.clone(),
            built: BuildSet::AsAsked,
            started_at: OffsetDateTime::now_utc(),
            elapsed: Duration::ZERO,
            dbt_version: None,
            results: Results::default(),
            outcome,
            project_version: None,
        }
    }
}
