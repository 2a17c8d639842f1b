//! The build plan between runs: in this process, and in BigQuery where there is one to remember it.

use mergemind_shared::warehouse::Cursor;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::build_plan::BuildPlan;
use crate::project::{Project, fingerprint};
use crate::records::BuildMemory;
use crate::run::{BuildSet, Run};

/// What is known of earlier builds.
#[derive(Debug, Default)]
pub struct PlanMemory {
    pub plan: BuildPlan,
    /// As it stands in BigQuery; `None` within if nothing does, and without if that is not known.
    stored: Option<Option<String>>,
    store: Option<BuildMemory>,
}

impl PlanMemory {
    /// Nothing is known yet; `store` is asked before a run.
    pub fn new(store: Option<BuildMemory>) -> Self {
        Self {
            store,
            ..Self::default()
        }
    }

    /// Finds out what was built by whoever ran last. `cursors` were read with the lease, if there is one. Live models are built whatever
    /// was built before, so nobody waits for an answer then.
    pub async fn recall(&mut self, run: &Run, project: Option<&Project>, cursors: Option<&[Cursor]>) {
        if !BuildPlan::concerns(run) || run.live {
            return;
        }
        let known = project.map(|project| project.config.clone());
        let found = tokio::task::spawn_blocking(move || known.map(|config| fingerprint(&config)).transpose());
        let project = match found.await.map_err(std::io::Error::other).and_then(|found| found) {
            Ok(Some(fingerprint)) => fingerprint,
            Ok(None) => return,
            Err(problem) => {
                tracing::warn!("the project can't be told from another one, so all of it is built: {problem}");
                self.stored = None;
                self.plan = BuildPlan::default();
                return;
            }
        };
        let Some(store) = &self.store else {
            self.plan = BuildPlan::read(Some(&self.plan.text()), &project);
            return;
        };
        let read = match cursors {
            Some(cursors) => Ok(store.find(cursors)),
            None => store.read().await,
        };
        self.stored = read
            .inspect_err(|problem| tracing::warn!("what was built is not known, so all is built: {problem}"))
            .ok();
        let mut plan = BuildPlan::read(self.stored.iter().flatten().next().map(String::as_str), &project);
        plan.add_pending_of(&self.plan);
        self.plan = plan;
    }

    /// Notes what a run is about to build, which is written down while dbt starts.
    pub fn begin(&mut self, run: &Run, built: &BuildSet) -> Option<JoinHandle<Option<String>>> {
        self.plan.begin(built);
        // The caller of a live run has the rest built after it, and until then knows that it is due.
        if !BuildPlan::concerns(run) || run.live {
            return None;
        }
        self.write()
    }

    /// Notes how the run ended that began at `began`.
    pub async fn end(
        &mut self,
        built: &BuildSet,
        well: bool,
        began: OffsetDateTime,
        beginning: Option<JoinHandle<Option<String>>>,
    ) {
        self.plan.end(built, well, began);
        let Some(beginning) = beginning else { return };
        if let Ok(Some(text)) = beginning.await {
            self.stored = Some(Some(text));
        }
        if let Some(written) = self.write() {
            let _ = written.await;
        }
    }

    /// Writes the plan down, unless it stands there, or what stands there is not known; gives its text once it does.
    fn write(&self) -> Option<JoinHandle<Option<String>>> {
        let (store, from) = (self.store.clone()?, self.stored.clone()?);
        let (text, full_at) = (self.plan.text(), self.plan.full_at());
        if from.as_deref() == Some(text.as_str()) {
            return Some(tokio::spawn(async { None }));
        }
        Some(tokio::spawn(async move {
            store.write(from, text.clone(), full_at).await.then_some(text)
        }))
    }
}
