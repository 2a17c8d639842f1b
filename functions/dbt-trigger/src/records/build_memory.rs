//! What dbt has built, in BigQuery, so that an instance knows it that has just started: one position among those of `_cursors`, in the
//! dataset that dbt builds.

use std::sync::Arc;
use std::time::Duration;

use mergemind_shared::warehouse::{Commit, Cursor, CursorMove, Error, Warehouse};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Takes the place of a stream in `_cursors`.
const STREAM: &str = "dbt builds";
/// How long writing may take; a run waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The memory of one of dbt's targets; cheap to clone.
#[derive(Debug, Clone)]
pub struct BuildMemory {
    warehouse: Arc<Warehouse>,
    ready: Arc<OnceCell<()>>,
    target: String,
}

impl BuildMemory {
    /// In the dataset of `warehouse`; `target` is dbt's, `None` being the profile's own.
    pub fn new(warehouse: Arc<Warehouse>, target: Option<&str>) -> Self {
        Self {
            warehouse,
            ready: Arc::default(),
            target: target.unwrap_or_default().to_owned(),
        }
    }

    /// What was written last; `None` if nothing ever was.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn read(&self) -> Result<Option<String>, Error> {
        match self.warehouse.cursors().await {
            Ok(cursors) => Ok(self.find(&cursors)),
            // Nobody has made the table.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same among positions that were read already.
    pub fn find(&self, cursors: &[Cursor]) -> Option<String> {
        let mut ours = cursors.iter();
        let ours = ours.find(|cursor| cursor.stream == STREAM && cursor.scope == self.target)?;
        Some(ours.cursor.clone())
    }

    /// Writes `to` in the place of `from`; `full_at` is for people who read the table. Whether it is there then: if not, what is there
    /// says less, and more is built.
    pub async fn write(&self, from: Option<String>, to: String, full_at: Option<OffsetDateTime>) -> bool {
        let at = full_at.map(|at| (at.unix_timestamp_nanos() / 1_000) as i64);
        match timeout(PATIENCE, self.try_write(from, to, at)).await {
            Ok(Ok(())) => true,
            Ok(Err(problem)) => {
                tracing::warn!("what was built can't be written down, so more is built next time: {problem}");
                false
            }
            Err(_) => {
                tracing::warn!(
                    "what was built can't be written down, so more is built next time: BigQuery took too long"
                );
                false
            }
        }
    }

    async fn try_write(&self, from: Option<String>, to: String, at: Option<i64>) -> Result<(), Error> {
        let make = || async { self.warehouse.ensure(&[]).await };
        self.ready.get_or_try_init(make).await?;
        let cursor = CursorMove {
            stream: STREAM.into(),
            scope: self.target.clone(),
            from,
            to,
            at,
        };
        let commit = Commit {
            cursor: Some(cursor),
            ..Commit::default()
        };
        self.warehouse.commit(commit).await.map(|_| ())
    }
}
