//! What became of every run, in BigQuery: `_dbt_runs` and `_dbt_run_nodes` beside the models.

mod last;
mod read;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use mergemind_shared::warehouse::{Commit, Error, Table, TableRows, Warehouse};
use tokio::sync::OnceCell;

use crate::run::Run;

/// How long a run may go on after its time limit before nobody is running it any more.
const GRACE: Duration = Duration::from_secs(10);

/// The history; cheap to clone.
#[derive(Debug, Clone)]
pub struct History(Arc<SharedHistory>);

#[derive(Debug)]
struct SharedHistory {
    warehouse: Arc<Warehouse>,
    runs: Table,
    nodes: Table,
    ready: OnceCell<()>,
    instance: String,
    /// dbt's target of runs that name none.
    target: Option<String>,
}

impl History {
    /// In the dataset of `warehouse`; `instance` names this process, and `target` is dbt's for runs that name none.
    pub fn new(warehouse: Arc<Warehouse>, instance: &str, target: Option<&str>) -> Self {
        Self(Arc::new(SharedHistory {
            warehouse,
            runs: tables::runs(),
            nodes: tables::nodes(),
            ready: OnceCell::new(),
            instance: instance.into(),
            target: target.map(Into::into),
        }))
    }

    /// Writes that a run has begun, or, with its nodes, that it has ended.
    ///
    /// # Errors
    /// If BigQuery does not take it.
    pub async fn write(&self, run: &Run) -> Result<(), Error> {
        self.make_ready().await?;
        let inner = &self.0;
        let mut batches = vec![TableRows {
            table: &inner.runs,
            rows: vec![tables::run_row(run, &inner.instance, inner.target.as_deref())],
            complete_set: None,
        }];
        if let Some(result) = run.result() {
            batches.push(TableRows {
                table: &inner.nodes,
                rows: result
                    .results
                    .nodes
                    .iter()
                    .map(|node| tables::node_row(&result, node))
                    .collect(),
                complete_set: None,
            });
        }
        let commit = Commit {
            batches,
            ..Commit::default()
        };
        let written = inner.warehouse.commit(commit).await;
        written.map(|_| ())
    }

    /// Marks runs that say that they are running, and can't be, because they would be the longest ever: their
    /// process was killed. `limit` is how long a run may take.
    ///
    /// # Errors
    /// If BigQuery does not do it.
    pub async fn mark_old_lost(&self, limit: Duration) -> Result<(), Error> {
        let age = (limit + GRACE).as_secs();
        self.mark_lost(&format!(
            "started_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {age} SECOND)"
        ))
        .await
    }

    /// The same for runs of dbt's `target`, `None` being the profile's own: to be called by whoever has the
    /// lease of that target, and is not yet running.
    ///
    /// # Errors
    /// If BigQuery does not do it.
    pub async fn mark_lost_of(&self, target: Option<&str>) -> Result<(), Error> {
        self.mark_lost(&tables::of_target(target)).await
    }

    async fn mark_lost(&self, condition: &str) -> Result<(), Error> {
        self.make_ready().await?;
        let table = self.0.warehouse.name_of(tables::RUNS);
        let sql = format!(
            "UPDATE {table} SET status = 'lost', problem = 'the function was killed during this run' \
             WHERE status = 'running' AND {condition}"
        );
        self.0.warehouse.query(sql).await.map(|_| ())
    }

    async fn make_ready(&self) -> Result<(), Error> {
        let inner = &self.0;
        let ensure = || async { inner.warehouse.ensure(&[&inner.runs, &inner.nodes]).await };
        inner.ready.get_or_try_init(ensure).await.map(|_| ())
    }
}
