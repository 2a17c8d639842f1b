//! The runs of this process: those that wait, the one that is under way, and the last ones that ended.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::result::RunResult;
use crate::request::{Action, ChangedRows, NodeSelection, RunRequest};

/// How many runs are kept.
const KEPT: usize = 200;
/// How many of a run's callers are kept by name.
const NAMED_CALLERS: usize = 20;

/// Every known run, the newest last; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Runs(Arc<Mutex<VecDeque<Arc<Run>>>>);

/// One run, from the moment somebody asks for it.
#[derive(Debug)]
pub struct Run {
    pub run_id: String,
    pub action: Action,
    pub selection: NodeSelection,
    /// Whether it is about live models alone.
    pub live: bool,
    /// The first caller's, so that the run's log lines are found under that request.
    pub span: Span,
    /// Ends it before or while it runs.
    pub cancel: CancellationToken,
    pub queued_at: OffsetDateTime,
    inner: Mutex<RunProgress>,
    done: watch::Sender<Option<Arc<RunResult>>>,
}

#[derive(Debug)]
struct RunProgress {
    started_at: Option<OffsetDateTime>,
    callers: Vec<CalledBy>,
    count: usize,
    /// Together what all callers said had changed; `None` once one did not say.
    changed: Option<BTreeSet<String>>,
    /// Together the rows that all callers named; `None` once one did not name them, or they are many.
    changed_rows: Option<ChangedRows>,
}

/// Who asked for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledBy {
    /// In the caller's own words.
    pub source: String,
    /// As whom it was let in.
    pub caller: String,
}

impl Run {
    /// A run that waits for its turn.
    pub fn new(request: &RunRequest, asked: CalledBy) -> Self {
        Self {
            run_id: uuid::Uuid::now_v7().to_string(),
            action: request.action,
            selection: request.selection.clone(),
            live: request.live,
            span: Span::current(),
            cancel: CancellationToken::new(),
            queued_at: OffsetDateTime::now_utc(),
            inner: Mutex::new(RunProgress {
                started_at: None,
                callers: vec![asked],
                count: 1,
                changed: request.changed_tables(),
                changed_rows: request.changed_rows(),
            }),
            done: watch::Sender::new(None),
        }
    }

    /// Whether it does what `order` asks for.
    pub fn serves(&self, request: &RunRequest) -> bool {
        !self.cancel.is_cancelled()
            && self.action == request.action
            && self.selection == request.selection
            && self.live == request.live
    }

    /// Adds a caller to it, while it waits.
    pub fn join(&self, request: &RunRequest, asked: CalledBy) {
        let mut inner = self.inner();
        inner.count += 1;
        if inner.callers.len() < NAMED_CALLERS {
            inner.callers.push(asked);
        }
        inner.changed = match (inner.changed.take(), request.changed_tables()) {
            (Some(mut changed), Some(more)) => {
                changed.extend(more);
                Some(changed)
            }
            _ => None,
        };
        inner.changed_rows = match (inner.changed_rows.take(), request.changed_rows()) {
            (Some(rows), Some(more)) => rows.and(more),
            _ => None,
        };
    }

    /// Notes that it begins; when.
    pub fn begin(&self) -> OffsetDateTime {
        *self.inner().started_at.insert(OffsetDateTime::now_utc())
    }

    pub fn started_at(&self) -> Option<OffsetDateTime> {
        self.inner().started_at
    }

    /// The first callers, and how many there are.
    pub fn callers(&self) -> (Vec<CalledBy>, usize) {
        let inner = self.inner();
        (inner.callers.clone(), inner.count)
    }

    /// What all callers together said had changed.
    pub fn changed(&self) -> Option<BTreeSet<String>> {
        self.inner().changed.clone()
    }

    /// The rows that all callers together named.
    pub fn changed_rows(&self) -> Option<ChangedRows> {
        self.inner().changed_rows.clone()
    }

    /// Ends it for everybody who waits.
    pub fn end(&self, result: Arc<RunResult>) {
        self.done.send_replace(Some(result));
    }

    /// What became of it, once it has ended.
    pub fn result(&self) -> Option<Arc<RunResult>> {
        self.done.borrow().clone()
    }

    /// Waits for its end.
    pub async fn wait(&self) -> Arc<RunResult> {
        let mut done = self.done.subscribe();
        loop {
            if let Some(result) = done.borrow_and_update().clone() {
                return result;
            }
            // Can't fail: this entry holds the sender.
            let _ = done.changed().await;
        }
    }

    /// `queued`, `running`, or how it ended.
    pub fn state(&self) -> &'static str {
        match (self.result(), self.started_at()) {
            (Some(result), _) => result.status(),
            (None, Some(_)) => "running",
            (None, None) => "queued",
        }
    }

    fn inner(&self) -> MutexGuard<'_, RunProgress> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    pub fn add(&self, run: Arc<Run>) {
        let mut all = self.all();
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(run);
    }

    pub fn get(&self, run_id: &str) -> Option<Arc<Run>> {
        self.all().iter().find(|run| run.run_id == run_id).cloned()
    }

    /// The last ones, the newest first.
    pub fn last(&self, count: usize) -> Vec<Arc<Run>> {
        self.all().iter().rev().take(count).cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Run>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> RunRequest {
        RunRequest::parse(body.as_bytes(), &[]).expect("valid")
    }

    fn asked() -> CalledBy {
        CalledBy {
            source: "me".into(),
            caller: "token".into(),
        }
    }

    #[test]
    fn what_changed_is_put_together_and_unknown_once_one_does_not_say() {
        let of = |tables: &str| request(&format!(r#"{{"sync_info":{{"changed_tables":{tables}}}}}"#));
        let run = Run::new(&of(r#"["a"]"#), asked());
        run.join(&of(r#"["b"]"#), asked());
        assert_eq!(run.changed(), Some(BTreeSet::from(["a".into(), "b".into()])));
        run.join(&request("{}"), asked());
        assert_eq!(run.changed(), None);
        run.join(&of(r#"["c"]"#), asked());
        assert_eq!(run.changed(), None);
        assert_eq!(run.callers().1, 4);
    }

    #[test]
    fn rows_are_put_together_and_unknown_once_one_does_not_name_them() {
        let of = |ids: &str| {
            request(&format!(
                r#"{{"live":true,"sync_info":{{"changed_tables":["a"],"changed_rows":{{"merge_requests":{ids},"projects":[1]}}}}}}"#
            ))
        };
        let run = Run::new(&of("[7]"), asked());
        run.join(&of("[8]"), asked());
        let rows = run.changed_rows().expect("few");
        assert_eq!(rows.merge_requests, BTreeSet::from([7, 8]));
        run.join(
            &request(r#"{"live":true,"sync_info":{"changed_tables":["a"]}}"#),
            asked(),
        );
        assert_eq!(run.changed_rows(), None);
        run.join(&of("[9]"), asked());
        assert_eq!(run.changed_rows(), None);
    }

    #[test]
    fn a_run_serves_only_who_asks_for_the_same() {
        let run = Run::new(&request(r#"{"select":"a"}"#), asked());
        assert!(run.serves(&request(r#"{"select":["a"],"source":"other"}"#)));
        for other in ["{}", r#"{"select":"b"}"#, r#"{"select":"a","action":"test"}"#] {
            assert!(!run.serves(&request(other)), "{other}");
        }
        run.cancel.cancel();
        assert!(
            !run.serves(&request(r#"{"select":"a"}"#)),
            "nobody shares a cancelled run's end"
        );
    }

    #[test]
    fn memory_of_runs_has_an_end() {
        let runs = Runs::default();
        for _ in 0..KEPT + 3 {
            runs.add(Arc::new(Run::new(&request(""), asked())));
        }
        assert_eq!(runs.last(1_000).len(), KEPT);
        let newest = runs.last(1)[0].run_id.clone();
        assert!(runs.get(&newest).is_some());
    }
}
