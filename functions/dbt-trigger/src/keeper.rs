//! Writes down what became of runs, behind their callers' backs: nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use crate::artifacts::Artifacts;
use crate::history::History;
use crate::runs::Entry;

/// How long one thing may take to be written.
const PATIENCE: Duration = Duration::from_secs(60);
/// A run that takes longer is in the history while it runs.
const SHORT: Duration = Duration::from_secs(2);

/// Takes runs to be written down; cheap to clone.
#[derive(Debug, Clone)]
pub struct Keeper(mpsc::UnboundedSender<Arc<Entry>>);

/// The background work; to be waited for at the end.
pub struct Keeping {
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts writing to what there is; `longest` is how long a run may take.
    pub fn start(artifacts: Artifacts, history: Option<History>, longest: Duration) -> (Self, Keeping) {
        let (sender, mut entries) = mpsc::unbounded_channel::<Arc<Entry>>();
        let task = tokio::spawn(async move {
            if let Some(history) = &history
                && let Ok(Err(problem)) = timeout(PATIENCE, history.mark_old_lost(longest)).await
            {
                tracing::warn!("the history can't be looked after: {problem}");
            }
            while let Some(entry) = entries.recv().await {
                // Of a short run the end alone is written: its beginning would only delay it.
                if entry.ended().is_none() && timeout(SHORT, entry.wait()).await.is_ok() {
                    continue;
                }
                let span = entry.span.clone();
                keep(&artifacts, history.as_ref(), &entry).instrument(span).await;
            }
        });
        (Self(sender), Keeping { task })
    }

    /// Writes down how a run is now.
    pub fn keep(&self, entry: &Arc<Entry>) {
        // Fails only when all is put away already.
        let _ = self.0.send(entry.clone());
    }
}

impl Keeping {
    /// Waits for what is left, but not longer than `until`; every [`Keeper`] must be gone.
    pub async fn finish(self, until: Instant) {
        let mut task = self.task;
        if timeout_at(until, &mut task).await.is_err() {
            tracing::warn!("the function stops before all of its history is written");
            task.abort();
        }
    }
}

async fn keep(artifacts: &Artifacts, history: Option<&History>, entry: &Entry) {
    if let Some(history) = history {
        let run_id = entry.run_id.as_str();
        match timeout(PATIENCE, history.write(entry)).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => tracing::error!(run_id, "the run is not in the history: {problem}"),
            Err(_) => tracing::error!(run_id, "the run is not in the history: BigQuery took too long"),
        }
    }
    if entry.ended().is_some() {
        artifacts.finish(&entry.run_id, json!(entry.whole()).to_string()).await;
    }
}
