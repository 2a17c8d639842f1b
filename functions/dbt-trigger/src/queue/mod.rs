//! One run at a time. Callers that ask for the same during a run share the next one: it starts after
//! all of them have asked, so it sees whatever each of them has loaded.

mod build_plan;
mod command;
pub mod dispatcher;
mod last_results;
mod memory;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::request::RunRequest;
use crate::run::{CalledBy, Run, RunError, Runs};

/// How many callers may share one waiting run, and how many different runs may wait.
const CALLERS: usize = 10_000;
const WAITING: usize = 100;

/// Why a run is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The function stops.
    #[error("the function is stopping")]
    Stopping,
    /// A run like that waits already, with as many callers as may share it.
    #[error("{CALLERS} callers wait for this run already")]
    TooManyCallers,
    /// As many runs wait as may.
    #[error("{WAITING} different runs wait already")]
    TooManyRuns,
}

/// 503 `stopping` or `busy`.
impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Stopping => RunError::Stopped.into(),
            SubmitError::TooManyCallers | SubmitError::TooManyRuns => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error.to_string()).with_hint("call again later")
            }
        }
    }
}

/// Takes requests for runs; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue(Arc<QueueState>);

#[derive(Debug)]
struct QueueState {
    /// Runs that wait for their turn, in order.
    waiting: Mutex<VecDeque<Arc<Run>>>,
    wake: Notify,
    runs: Runs,
    stop: CancellationToken,
    /// Set once the dispatcher asks for its first run.
    served: AtomicBool,
}

impl Queue {
    /// An empty one, which takes runs until `stop`.
    pub fn new(stop: CancellationToken) -> Self {
        Self(Arc::new(QueueState {
            waiting: Mutex::default(),
            wake: Notify::new(),
            runs: Runs::default(),
            stop,
            served: AtomicBool::new(false),
        }))
    }

    /// Asks for a run; does not wait for it.
    ///
    /// # Errors
    /// If the function stops or too many wait.
    pub fn submit(&self, request: &RunRequest, asked: CalledBy) -> Result<Arc<Run>, SubmitError> {
        if self.0.stop.is_cancelled() {
            return Err(SubmitError::Stopping);
        }
        let mut waiting = self.waiting();
        if let Some(run) = waiting.iter().find(|run| run.serves(request)) {
            if run.callers().1 >= CALLERS {
                return Err(SubmitError::TooManyCallers);
            }
            run.join(request, asked);
            return Ok(run.clone());
        }
        if waiting.len() >= WAITING {
            return Err(SubmitError::TooManyRuns);
        }
        let run = Arc::new(Run::new(request, asked));
        waiting.push_back(run.clone());
        self.0.runs.add(run.clone());
        self.0.wake.notify_one();
        Ok(run)
    }

    /// The runs of this process.
    pub fn runs(&self) -> &Runs {
        &self.0.runs
    }

    /// Whether runs begin as soon as they are asked for: what can be got ready before the first is ready.
    pub fn is_served(&self) -> bool {
        self.0.served.load(Ordering::Relaxed)
    }

    /// Waits for the next run whose turn it is; nobody can join it any more.
    async fn next(&self) -> Arc<Run> {
        self.0.served.store(true, Ordering::Relaxed);
        loop {
            let next = self.waiting().pop_front();
            if let Some(run) = next {
                return run;
            }
            self.0.wake.notified().await;
        }
    }

    /// Everything that waits, when nothing will be run any more.
    fn drain(&self) -> VecDeque<Arc<Run>> {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Run>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> CalledBy {
        CalledBy {
            source: "me".into(),
            caller: "token".into(),
        }
    }

    #[tokio::test]
    async fn equal_callers_share_and_others_wait_for_their_own() {
        let queue = Queue::new(CancellationToken::new());
        let request = |body: &str| RunRequest::parse(body.as_bytes(), &[]).expect("valid");
        let first = queue.submit(&request(""), asked()).expect("taken");
        let second = queue.submit(&request("{}"), asked()).expect("taken");
        let other = queue.submit(&request(r#"{"select":"a"}"#), asked()).expect("taken");
        assert_eq!(first.run_id, second.run_id);
        assert_ne!(first.run_id, other.run_id);
        assert_eq!(queue.next().await.run_id, first.run_id);
        let late = queue.submit(&request(""), asked()).expect("taken");
        assert_ne!(late.run_id, first.run_id, "that one may have begun to read");
    }

    #[tokio::test]
    async fn it_is_served_once_the_first_run_is_asked_for() {
        let queue = Queue::new(CancellationToken::new());
        assert!(!queue.is_served());
        let nothing_yet = tokio::time::timeout(std::time::Duration::ZERO, queue.next()).await;
        assert!(nothing_yet.is_err() && queue.is_served());
    }

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let queue = Queue::new(CancellationToken::new());
        let request = |i: usize| RunRequest::parse(format!(r#"{{"select":"m{i}"}}"#).as_bytes(), &[]).expect("valid");
        for i in 0..WAITING {
            queue.submit(&request(i), asked()).expect("taken");
        }
        assert_eq!(
            queue.submit(&request(WAITING), asked()).expect_err("full"),
            SubmitError::TooManyRuns
        );
        for _ in 1..CALLERS {
            queue.submit(&request(0), asked()).expect("joined");
        }
        assert_eq!(
            queue.submit(&request(0), asked()).expect_err("full"),
            SubmitError::TooManyCallers
        );
    }

    #[tokio::test]
    async fn nothing_is_taken_while_the_function_stops() {
        let stop = CancellationToken::new();
        let queue = Queue::new(stop.clone());
        stop.cancel();
        let error = queue.submit(&RunRequest::default(), asked()).expect_err("stopping");
        assert_eq!(error, SubmitError::Stopping);
    }
}
