//! The right to run dbt, which one of all instances has at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mergemind_shared::warehouse::{Acquired, Lease as Held, Warehouse};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How often a lease that another instance holds is asked for.
const PAUSE: Duration = Duration::from_secs(2);
/// Tries of a request to BigQuery.
const ATTEMPTS: u32 = 3;

/// Takes leases; cheap to clone.
#[derive(Debug, Clone)]
pub struct Leases {
    warehouse: Arc<Warehouse>,
    ready: Arc<OnceCell<()>>,
    duration: Duration,
    /// Whether another instance may have died since we last had the lease.
    suspicious: Arc<AtomicBool>,
}

/// A lease that is held, and renewed in the background, until it is given back or dropped.
#[derive(Debug)]
pub struct Lease {
    warehouse: Arc<Warehouse>,
    held: Held,
    _renewal: AbortOnDropHandle<()>,
    /// Whether runs of other instances may be left in the history that were never ended.
    pub others_may_have_died: bool,
}

impl Leases {
    /// In the dataset of `warehouse`; a lease that is not renewed ends after `duration`.
    pub fn new(warehouse: Arc<Warehouse>, duration: Duration) -> Self {
        Self {
            warehouse,
            ready: Arc::default(),
            duration,
            suspicious: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Waits until the lease `name` is ours; `None` if `given_up` comes first.
    ///
    /// # Errors
    /// Why BigQuery can't be asked, for people.
    pub async fn take(&self, name: &str, given_up: &CancellationToken) -> Result<Option<Lease>, String> {
        let make = || async { self.warehouse.ensure(&[]).await };
        self.ready.get_or_try_init(make).await.map_err(|e| e.to_string())?;
        let mut told = false;
        loop {
            let left = match self.acquire(name).await? {
                Acquired::Ours(held) => return Ok(Some(self.hold(held))),
                Acquired::Held { left, .. } => left,
            };
            if !told {
                tracing::info!(
                    left_s = left.as_secs(),
                    "another instance runs dbt; waiting for its end"
                );
                self.suspicious.store(true, Ordering::SeqCst);
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = given_up.cancelled() => return Ok(None),
            }
        }
    }

    async fn acquire(&self, name: &str) -> Result<Acquired, String> {
        let mut attempt = 1;
        loop {
            match self.warehouse.acquire(name, self.duration).await {
                Ok(acquired) => return Ok(acquired),
                Err(e) if attempt == ATTEMPTS => return Err(e.to_string()),
                Err(e) => tracing::warn!(attempt, "the lease can't be asked for: {e}; trying again"),
            }
            tokio::time::sleep(Duration::from_millis(300 << attempt)).await;
            attempt += 1;
        }
    }

    fn hold(&self, held: Held) -> Lease {
        let (warehouse, renewed) = (self.warehouse.clone(), held.clone());
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(renewed.ttl() / 3).await;
                if let Err(e) = warehouse.renew(&renewed).await {
                    tracing::warn!("the lease can't be renewed: {e}");
                }
            }
        });
        Lease {
            warehouse: self.warehouse.clone(),
            held,
            _renewal: AbortOnDropHandle::new(renewal),
            others_may_have_died: self.suspicious.swap(false, Ordering::SeqCst),
        }
    }
}

impl Lease {
    /// Gives it back, so that the next instance need not wait until it ends.
    pub async fn give_back(self) {
        if let Err(e) = self.warehouse.release(&self.held).await {
            tracing::warn!("the lease can't be given back, so it is left to end: {e}");
        }
    }
}
