//! What is written down of runs, and the lease that keeps instances apart.

mod artifacts;
mod build_memory;
mod history;
mod lease;
mod recorder;

use std::sync::Arc;

use mergemind_shared::warehouse::{Error, Warehouse};

use crate::bucket::{Bucket, BucketError};
use crate::config::Config;
use crate::work_dirs::WorkDirs;

pub use artifacts::{Artifacts, DOCS, REPORT, RUN};
pub use build_memory::BuildMemory;
pub use history::History;
pub use lease::{Leases, RunLease};
pub use recorder::Recorder;

/// Why records can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The artifacts' bucket.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Without its lease a run could meet another instance's.
    #[error("RUN_LEASE needs BigQuery: {0}")]
    Lease(Error),
}

/// What keeps records.
pub struct Records {
    pub artifacts: Artifacts,
    pub history: Option<History>,
    pub leases: Option<Leases>,
    /// What was built; `None`: only this process knows it.
    pub builds: Option<BuildMemory>,
}

impl Records {
    /// Opens what `config` names; `instance` names this process.
    ///
    /// # Errors
    /// If Cloud Storage, or BigQuery where a lease needs it, can't be used.
    pub async fn open(config: &Config, dirs: &WorkDirs, instance: &str) -> Result<Self, OpenError> {
        let target = config.dbt.target.as_deref();
        let follow_changes = config.dbt.follow_changes;
        let config = &config.records;
        let bucket = config.bucket.as_ref();
        let bucket = bucket.map(|place| Bucket::new(place, config.storage_emulator.as_ref()));
        let artifacts = Artifacts::new(config.folder.clone(), dirs.runs(), bucket.transpose()?);
        let warehouse = match config
            .warehouse
            .clone()
            .filter(|_| config.history || config.lease.is_some())
        {
            // Without credentials there is no history, and a run says so, too.
            Some(settings) => match Warehouse::connect(settings).await {
                Ok(warehouse) => Some(Arc::new(warehouse)),
                Err(e) if config.lease.is_some() => return Err(OpenError::Lease(e)),
                Err(e) => {
                    tracing::error!("there is no history of runs: {e}");
                    None
                }
            },
            None => None,
        };
        let history = warehouse.clone().filter(|_| config.history);
        let builds = warehouse.clone().filter(|_| follow_changes);
        Ok(Self {
            artifacts,
            builds: builds.map(|warehouse| BuildMemory::new(warehouse, target)),
            history: history.map(|warehouse| History::new(warehouse, instance, target)),
            leases: warehouse
                .zip(config.lease)
                .map(|(warehouse, duration)| Leases::new(warehouse, duration)),
        })
    }
}
