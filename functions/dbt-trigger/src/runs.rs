//! The runs of this process: those that wait, the one that is under way, and the last ones that ended.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::order::{Action, Order, Selection};
use crate::report::Run;

/// How many runs are kept.
const KEPT: usize = 200;
/// How many of a run's callers are kept by name.
const NAMED_CALLERS: usize = 20;

/// Every known run, the newest last; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Runs(Arc<Mutex<VecDeque<Arc<Entry>>>>);

/// One run, from the moment somebody asks for it.
#[derive(Debug)]
pub struct Entry {
    pub run_id: String,
    pub action: Action,
    pub selection: Selection,
    /// The first caller's, so that the run's log lines are found under that request.
    pub span: Span,
    /// Ends it before or while it runs.
    pub cancel: CancellationToken,
    pub queued_at: OffsetDateTime,
    inner: Mutex<Inner>,
    done: watch::Sender<Option<Arc<Run>>>,
}

#[derive(Debug)]
struct Inner {
    started_at: Option<OffsetDateTime>,
    callers: Vec<Asked>,
    count: usize,
    /// Together what all callers said had changed; `None` once one did not say.
    changed: Option<BTreeSet<String>>,
}

/// Who asked for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// In the caller's own words.
    pub source: String,
    /// As whom it was let in.
    pub caller: String,
}

impl Entry {
    /// A run that waits for its turn.
    pub fn new(order: &Order, asked: Asked) -> Self {
        Self {
            run_id: uuid::Uuid::now_v7().to_string(),
            action: order.action,
            selection: order.selection.clone(),
            span: Span::current(),
            cancel: CancellationToken::new(),
            queued_at: OffsetDateTime::now_utc(),
            inner: Mutex::new(Inner {
                started_at: None,
                callers: vec![asked],
                count: 1,
                changed: order.changed_tables(),
            }),
            done: watch::Sender::new(None),
        }
    }

    /// Whether it does what `order` asks for.
    pub fn serves(&self, order: &Order) -> bool {
        self.action == order.action && self.selection == order.selection
    }

    /// Adds a caller to it, while it waits.
    pub fn join(&self, order: &Order, asked: Asked) {
        let mut inner = self.inner();
        inner.count += 1;
        if inner.callers.len() < NAMED_CALLERS {
            inner.callers.push(asked);
        }
        inner.changed = match (inner.changed.take(), order.changed_tables()) {
            (Some(mut changed), Some(more)) => {
                changed.extend(more);
                Some(changed)
            }
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
    pub fn callers(&self) -> (Vec<Asked>, usize) {
        let inner = self.inner();
        (inner.callers.clone(), inner.count)
    }

    /// What all callers together said had changed.
    pub fn changed(&self) -> Option<BTreeSet<String>> {
        self.inner().changed.clone()
    }

    /// Ends it for everybody who waits.
    pub fn end(&self, run: Arc<Run>) {
        self.done.send_replace(Some(run));
    }

    pub fn ended(&self) -> Option<Arc<Run>> {
        self.done.borrow().clone()
    }

    /// Waits for its end.
    pub async fn wait(&self) -> Arc<Run> {
        let mut done = self.done.subscribe();
        loop {
            if let Some(run) = done.borrow_and_update().clone() {
                return run;
            }
            // Can't fail: this entry holds the sender.
            let _ = done.changed().await;
        }
    }

    /// `queued`, `running`, or how it ended.
    pub fn state(&self) -> &'static str {
        match (self.ended(), self.started_at()) {
            (Some(run), _) => run.status(),
            (None, Some(_)) => "running",
            (None, None) => "queued",
        }
    }

    /// What is known about it before it has ended.
    pub fn describe(&self) -> Value {
        let (callers, count) = self.callers();
        json!({
            "run_id": self.run_id,
            "status": self.state(),
            "action": self.action.name(),
            "source": callers.first().map(|asked| &asked.source),
            "callers": count,
            "queued_at": rfc3339(self.queued_at),
            "started_at": self.started_at().map(rfc3339),
            "url": format!("/runs/{}", self.run_id),
        })
    }

    /// What a list tells about it.
    pub fn brief(&self) -> Value {
        let mut told = self.describe();
        if let Some(run) = self.ended() {
            told["elapsed_s"] = json!(run.elapsed.as_secs_f64());
            told["counts"] = json!(run.results.counts);
            told["problem"] = json!(run.problem());
        }
        told
    }

    /// All that is known about it.
    pub fn whole(&self) -> Value {
        let mut told = self.brief();
        if let Some(run) = self.ended() {
            let source = told["source"].as_str().unwrap_or_default().to_owned();
            if let (Value::Object(told), Value::Object(body)) = (&mut told, run.body(run.status(), &source)) {
                told.extend(body);
            }
        }
        let (callers, _) = self.callers();
        told["called_by"] = callers
            .iter()
            .map(|asked| json!({"source": asked.source, "caller": asked.caller}))
            .collect();
        told
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    pub fn add(&self, entry: Arc<Entry>) {
        let mut all = self.all();
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(entry);
    }

    pub fn get(&self, run_id: &str) -> Option<Arc<Entry>> {
        self.all().iter().find(|entry| entry.run_id == run_id).cloned()
    }

    /// The last ones, the newest first.
    pub fn last(&self, count: usize) -> Vec<Arc<Entry>> {
        self.all().iter().rev().take(count).cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `2026-05-22T00:06:08.638Z`.
pub fn rfc3339(at: OffsetDateTime) -> String {
    let millis = at
        .replace_nanosecond(at.nanosecond() / 1_000_000 * 1_000_000)
        .unwrap_or(at);
    millis.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(body: &str) -> Order {
        Order::parse(body.as_bytes(), &[]).expect("valid")
    }

    fn asked() -> Asked {
        Asked {
            source: "me".into(),
            caller: "token".into(),
        }
    }

    #[test]
    fn what_changed_is_put_together_and_unknown_once_one_does_not_say() {
        let of = |tables: &str| order(&format!(r#"{{"sync_info":{{"changed_tables":{tables}}}}}"#));
        let entry = Entry::new(&of(r#"["a"]"#), asked());
        entry.join(&of(r#"["b"]"#), asked());
        assert_eq!(entry.changed(), Some(BTreeSet::from(["a".into(), "b".into()])));
        entry.join(&order("{}"), asked());
        assert_eq!(entry.changed(), None);
        entry.join(&of(r#"["c"]"#), asked());
        assert_eq!(entry.changed(), None);
        assert_eq!(entry.callers().1, 4);
    }

    #[test]
    fn a_run_serves_only_who_asks_for_the_same() {
        let entry = Entry::new(&order(r#"{"select":"a"}"#), asked());
        assert!(entry.serves(&order(r#"{"select":["a"],"source":"other"}"#)));
        for other in ["{}", r#"{"select":"b"}"#, r#"{"select":"a","action":"test"}"#] {
            assert!(!entry.serves(&order(other)), "{other}");
        }
    }

    #[test]
    fn memory_of_runs_has_an_end() {
        let runs = Runs::default();
        for _ in 0..KEPT + 3 {
            runs.add(Arc::new(Entry::new(&order(""), asked())));
        }
        assert_eq!(runs.last(1_000).len(), KEPT);
        let newest = runs.last(1)[0].run_id.clone();
        assert!(runs.get(&newest).is_some());
    }
}
