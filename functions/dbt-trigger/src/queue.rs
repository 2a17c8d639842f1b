//! One run at a time. Callers that arrive during a run share the next one: it starts after all of
//! them have asked, so it sees whatever each of them has loaded.

use std::sync::Arc;

use mergemind_shared::ApiError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::config::DbtConfig;
use crate::packages::Packages;
use crate::report::{Results, Run, Verdict, stopping};
use crate::runner::{Ended, How, Invocation, Limits, Runner, project_args};
use crate::state::State;

/// How many callers may wait; far more than one instance of the function is sent.
const WAITING: usize = 1_000;

/// Takes requests for runs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    calls: mpsc::Sender<Call>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Call {
    /// The request's span, so that the lines of a run are found under the request that began it.
    span: Span,
    answer: oneshot::Sender<Arc<Run>>,
}

impl Queue {
    /// Starts serving in the background, until `stop`; the handle ends when all is put away.
    pub fn start(
        runner: Runner,
        config: &DbtConfig,
        state: &Arc<State>,
        stop: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (sender, calls) = mpsc::channel(WAITING);
        let executor = Executor {
            runner,
            packages: Packages::new(&config.project_dir),
            config: config.clone(),
            state: state.clone(),
            stop: stop.clone(),
        };
        let running = tokio::spawn(executor.serve(calls));
        (Self { calls: sender, stop }, running)
    }

    /// Asks for a run and waits for its end.
    ///
    /// # Errors
    /// 503 if the function stops or too many wait.
    pub async fn run(&self) -> Result<Arc<Run>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let call = Call {
            span: Span::current(),
            answer,
        };
        match self.calls.try_send(call) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(too_many()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(self.closed()),
        }
        answered.await.map_err(|_| self.closed())
    }

    fn closed(&self) -> ApiError {
        if self.stop.is_cancelled() {
            stopping()
        } else {
            ApiError::internal("the queue of runs has ended")
        }
    }
}

fn too_many() -> ApiError {
    let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
    ApiError::new(status, "busy", format!("{WAITING} callers wait for dbt already")).with_hint("call again later")
}

/// Owns the runner, so there can be only one run.
struct Executor {
    runner: Runner,
    packages: Packages,
    config: DbtConfig,
    state: Arc<State>,
    stop: CancellationToken,
}

impl Executor {
    async fn serve(mut self, mut calls: mpsc::Receiver<Call>) {
        self.runner.warm(&self.stop).await;
        loop {
            let first = tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                call = calls.recv() => match call {
                    Some(call) => call,
                    None => break,
                },
                () = self.runner.cooled() => {
                    self.runner.warm(&self.stop).await;
                    continue;
                }
            };
            let mut sharing = vec![first];
            while let Ok(call) = calls.try_recv() {
                sharing.push(call);
            }
            let span = sharing[0].span.clone();
            let run = Arc::new(self.run(sharing.len()).instrument(span).await);
            for call in sharing {
                // Fails if the caller is gone.
                let _ = call.answer.send(run.clone());
            }
        }
        // Callers that still wait are told by the closed channel.
        drop(calls);
        self.runner.close().await;
    }

    async fn run(&mut self, callers: usize) -> Run {
        let run_id = Uuid::now_v7().to_string();
        // Before the clock starts: the time limit is for dbt's work, not for Python's start.
        self.runner.warm(&self.stop).await;
        let begun = Instant::now();
        tracing::info!(run_id, callers, "dbt run begins");
        let limits = Limits {
            deadline: begun + self.config.timeout,
            stop: self.stop.clone(),
        };
        let (ended, results) = match self.deps(&run_id, &limits).await {
            Some(failed) => (failed, Ok(None)),
            None => self.build(&run_id, &limits).await,
        };
        let verdict = match &results {
            Ok(results) => Verdict::of(&ended, results.as_ref(), self.config.timeout),
            Err(problem) => Verdict::CouldNotRun(problem.clone()),
        };
        let results = results.ok().flatten().unwrap_or_default();
        let run = Run {
            run_id,
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
        args.extend(project_args(&self.config));
        let id = format!("{run_id}-deps");
        let ended = self
            .runner
            .run(
                &Invocation {
                    id,
                    args,
                    reuse_manifest: false,
                },
                limits,
            )
            .await;
        if ended.how == How::Exited(0) {
            self.packages.are_installed();
            return None;
        }
        Some(ended)
    }

    async fn build(&mut self, run_id: &str, limits: &Limits) -> (Ended, Result<Option<Results>, String>) {
        let path = self.state.run_results();
        // What is there afterwards is of this run.
        if let Err(e) = std::fs::remove_file(&path)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("can't remove {}: {e}", path.display());
        }
        let mut args = vec!["build".into()];
        args.extend(project_args(&self.config));
        args.extend(["--target-path".into(), self.state.target().display().to_string()]);
        args.extend(["--threads".into(), self.config.threads.to_string()]);
        let invocation = Invocation {
            id: run_id.into(),
            args,
            reuse_manifest: true,
        };
        let ended = self.runner.run(&invocation, limits).await;
        (ended, Results::read(&path))
    }
}
