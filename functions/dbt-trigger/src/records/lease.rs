//! The right to run dbt, which one of all instances has at a time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mergemind_shared::warehouse::{Acquired, Lease as Held, Warehouse};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};
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
    /// Names of leases that no other instance has had since we last had them.
    undisturbed: Arc<Mutex<HashSet<String>>>,
}

/// A lease that is held, and renewed in the background, until it is given back or dropped.
#[derive(Debug)]
pub struct Lease {
    warehouse: Arc<Warehouse>,
    held: Held,
    _renewal: AbortOnDropHandle<()>,
    /// Cancelled when it is not ours any more: another instance may be running.
    pub lost: CancellationToken,
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
            undisturbed: Arc::default(),
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
            let asked_at = Instant::now();
            let left = match self.acquire(name).await? {
                Acquired::Ours(held) => return Ok(Some(self.hold(name, held, asked_at))),
                Acquired::Held { left, .. } => left,
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

    fn hold(&self, name: &str, held: Held, since: Instant) -> Lease {
        let lost = CancellationToken::new();
        let renewal = keep(self.warehouse.clone(), held.clone(), since, lost.clone());
        Lease {
            warehouse: self.warehouse.clone(),
            held,
            _renewal: AbortOnDropHandle::new(tokio::spawn(renewal)),
            lost,
            others_may_have_died: self.undisturbed().insert(name.to_owned()),
        }
    }

    fn undisturbed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.undisturbed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews a lease until it is lost: another instance has it. That BigQuery can't be asked is no loss yet: nobody
/// else can take the lease then, and once it answers, whoever asks first has it.
async fn keep(warehouse: Arc<Warehouse>, held: Held, since: Instant, lost: CancellationToken) {
    let mut since = since;
    loop {
        tokio::time::sleep(held.ttl() / 3).await;
        let asked_at = Instant::now();
        let renewed = timeout(held.ttl(), async {
            warehouse.renew(&held).await?;
            warehouse.is_ours(&held).await
        });
        let problem = match renewed.await {
            Ok(Ok(true)) => {
                since = asked_at;
                continue;
            }
            Ok(Ok(false)) => {
                tracing::error!("the lease is lost: another instance has taken it");
                return lost.cancel();
            }
            Ok(Err(e)) => e.to_string(),
            Err(_) => "BigQuery does not answer".into(),
        };
        let seconds = since.elapsed().as_secs();
        match since.elapsed() < held.ttl() {
            true => tracing::warn!("the lease can't be renewed; trying again: {problem}"),
            false => tracing::error!(
                "the lease could not be renewed for {seconds} s, so another instance may take it: {problem}"
            ),
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
