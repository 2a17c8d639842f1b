//! The right to run dbt, which one of all instances has at a time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mergemind_shared::retry::{Retryable, exponential};
use mergemind_shared::warehouse::{Acquired, Cursor, Error, Lease, LeaseGuard, Warehouse};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// How often a lease that another instance holds is asked for.
const PAUSE: Duration = Duration::from_secs(2);
/// Attempts of a request to BigQuery, and the wait before the second.
const ATTEMPTS: usize = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Takes leases; cheap to clone.
#[derive(Debug, Clone)]
pub struct Leases {
    warehouse: Arc<Warehouse>,
    ready: Arc<OnceCell<()>>,
    duration: Duration,
    /// Names of leases that no other instance has had since we last had them.
    undisturbed: Arc<Mutex<HashSet<String>>>,
}

/// A lease that is held until it is given back or dropped.
#[derive(Debug)]
pub struct RunLease {
    guard: LeaseGuard,
    /// Whether runs of other instances may be left in the history that were never ended.
    pub others_may_have_died: bool,
    /// The positions in `_cursors` when it was taken.
    pub cursors: Vec<Cursor>,
}

impl Leases {
    /// In the dataset of `warehouse`; a lease that is not renewed ends after `duration`.
    pub fn new(warehouse: Arc<Warehouse>, duration: Duration) -> Self {
        Self {
            warehouse,
            ready: Arc::default(),
            duration,
            undisturbed: Arc::default(),
        }
    }

    /// Waits until the lease `name` is ours; `None` if `given_up` comes first.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn take(&self, name: &str, given_up: &CancellationToken) -> Result<Option<RunLease>, Error> {
        let make = || async { self.warehouse.ensure(&[]).await };
        self.ready.get_or_try_init(make).await?;
        let mut told = false;
        loop {
            let left = match self.acquire(name).await? {
                (Acquired::Ours(lease), cursors) => return Ok(Some(self.hold(name, lease, cursors))),
                (Acquired::Held { left, .. }, _) => left,
            };
            if !told {
                tracing::info!(
                    left_s = left.as_secs(),
                    "another instance runs dbt; waiting for its end"
                );
                self.undisturbed().remove(name);
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = given_up.cancelled() => return Ok(None),
            }
        }
    }

    async fn acquire(&self, name: &str) -> Result<(Acquired, Vec<Cursor>), Error> {
        let ask = || self.warehouse.acquire_and_read(name, self.duration);
        ask.retry(exponential(FIRST_WAIT, ATTEMPTS))
            .notify(|e, _| tracing::warn!("the lease can't be asked for: {e}; trying again"))
            .await
    }

    fn hold(&self, name: &str, lease: Lease, cursors: Vec<Cursor>) -> RunLease {
        RunLease {
            guard: LeaseGuard::hold(self.warehouse.clone(), lease),
            cursors,
            others_may_have_died: self.undisturbed().insert(name.to_owned()),
        }
    }

    fn undisturbed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.undisturbed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunLease {
    /// Gives it back, so that the next instance need not wait until it ends.
    pub async fn give_back(self) {
        if let Err(e) = self.guard.release().await {
            tracing::warn!("the lease can't be given back, so it is left to end: {e}");
        }
    }

    /// Cancelled when it is not ours any more: another instance may be running.
    pub fn lost(&self) -> &CancellationToken {
        self.guard.lost()
    }
}
