//! Writes down what became of runs, behind their callers' backs: nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::artifacts::Artifacts;
use super::history::History;
use crate::run::{Run, RunView};

/// How long one thing may take to be written.
const PATIENCE: Duration = Duration::from_secs(60);
/// A run that takes longer is in the history while it runs.
const SHORT: Duration = Duration::from_secs(2);

/// Takes runs to be written down; cheap to clone.
#[derive(Debug, Clone)]
pub struct Recorder(mpsc::UnboundedSender<Arc<Run>>);

/// The background work; to be waited for at the end.
pub struct RecorderTask {
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts writing to what there is; `longest` is how long a run may take.
    pub fn start(artifacts: Artifacts, history: Option<History>, longest: Duration) -> (Self, RecorderTask) {
        let (sender, mut runs) = mpsc::unbounded_channel::<Arc<Run>>();
        let task = tokio::spawn(async move {
            if let Some(history) = &history
                && let Ok(Err(problem)) = timeout(PATIENCE, history.mark_old_lost(longest)).await
            {
                tracing::warn!("the history can't be looked after: {problem}");
            }
            while let Some(run) = runs.recv().await {
                // Of a short run the end alone is written: its beginning would only delay it.
                if run.result().is_none() && timeout(SHORT, run.wait()).await.is_ok() {
                    continue;
                }
                let span = run.span.clone();
                keep(&artifacts, history.as_ref(), &run).instrument(span).await;
            }
        });
        (Self(sender), RecorderTask { task })
    }

    /// Writes down how a run is now.
    pub fn record(&self, run: &Arc<Run>) {
        // Fails only when all is put away already.
        let _ = self.0.send(run.clone());
    }
}

impl RecorderTask {
    /// Waits for what is left, but not longer than `until`; every [`Recorder`] must be gone.
    pub async fn finish(self, until: Instant) {
        let mut task = self.task;
        if timeout_at(until, &mut task).await.is_err() {
            tracing::warn!("the function stops before all of its history is written");
            task.abort();
        }
    }
}

async fn keep(artifacts: &Artifacts, history: Option<&History>, run: &Run) {
    if let Some(history) = history {
        let run_id = run.run_id.as_str();
        match timeout(PATIENCE, history.write(run)).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => tracing::error!(run_id, "the run is not in the history: {problem}"),
            Err(_) => tracing::error!(run_id, "the run is not in the history: BigQuery took too long"),
        }
    }
    if run.result().is_some() {
        artifacts
            .finish(
                &run.run_id,
                serde_json::to_string(&RunView::whole(run)).unwrap_or_default(),
            )
            .await;
    }
}
