//! What became of every run, in BigQuery: `_dbt_runs` and `_dbt_run_nodes` beside the models.

mod read;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use mergemind_shared::warehouse::{Batch, Commit, Table, Warehouse};
use tokio::sync::OnceCell;

use crate::runs::Entry;

/// How long a run may go on after its time limit before nobody is running it any more.
const GRACE: Duration = Duration::from_secs(10);

/// The history; cheap to clone.
#[derive(Debug, Clone)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    warehouse: Arc<Warehouse>,
    runs: Table,
    nodes: Table,
    ready: OnceCell<()>,
    instance: String,
}

impl History {
    /// In the dataset of `warehouse`; `instance` names this process.
    pub fn new(warehouse: Arc<Warehouse>, instance: &str) -> Self {
        Self(Arc::new(Inner {
            warehouse,
            runs: tables::runs(),
            nodes: tables::nodes(),
            ready: OnceCell::new(),
            instance: instance.into(),
        }))
    }

    /// Writes that a run has begun, or, with its nodes, that it has ended.
    ///
    /// # Errors
    /// Why BigQuery did not take it, for people.
    pub async fn write(&self, entry: &Entry) -> Result<(), String> {
        self.make_ready().await?;
        let inner = &self.0;
        let mut batches = vec![Batch {
            table: &inner.runs,
            rows: vec![tables::run_row(entry, &inner.instance)],
            whole: None,
        }];
        if let Some(run) = entry.ended() {
            batches.push(Batch {
                table: &inner.nodes,
                rows: run
                    .results
                    .nodes
                    .iter()
                    .map(|node| tables::node_row(&run, node))
                    .collect(),
                whole: None,
            });
        }
        let commit = Commit {
            batches,
            ..Commit::default()
        };
        let written = inner.warehouse.commit(commit).await;
        written.map(|_| ()).map_err(|e| e.to_string())
    }

    /// Marks runs that say that they are running, and can't be: their process was killed. `limit` is the
    /// longest that a run takes; `None` if nothing else can be running, because this process has the lease.
    ///
    /// # Errors
    /// Why BigQuery did not do it, for people.
    pub async fn mark_lost(&self, limit: Option<Duration>) -> Result<(), String> {
        self.make_ready().await?;
        let age = limit.map_or(0, |limit| (limit + GRACE).as_secs());
        let table = self.0.warehouse.name_of(tables::RUNS);
        let sql = format!(
            "UPDATE {table} SET status = 'lost', problem = 'the function was killed during this run' \
             WHERE status = 'running' AND started_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {age} SECOND)"
        );
        self.0.warehouse.query(sql).await.map(|_| ()).map_err(|e| e.to_string())
    }

    async fn make_ready(&self) -> Result<(), String> {
        let inner = &self.0;
        let ensure = || async { inner.warehouse.ensure(&[&inner.runs, &inner.nodes]).await };
        inner
            .ready
            .get_or_try_init(ensure)
            .await
            .map(|_| ())
            .map_err(|e| e.to_string())
    }
}
