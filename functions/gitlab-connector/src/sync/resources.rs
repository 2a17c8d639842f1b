//! What all syncs of a process share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mergemind_shared::warehouse::Warehouse;
use tokio::sync::Mutex;

use crate::config::Config;
use crate::gitlab;
use crate::streams::Streams;
use crate::sync::lock::lock;

/// What all syncs of a process share.
pub struct Resources {
    pub config: Config,
    pub client: gitlab::Client,
    pub warehouse: Arc<Warehouse>,
    pub streams: Streams,
    /// Held while a sync runs in this process. Two processes are kept apart by a lease, and if that should
    /// be lost, by their cursors' moves.
    pub running: Mutex<()>,
    /// When the last one began.
    pub began: std::sync::Mutex<Instant>,
    /// What was last known of this GitLab, and when.
    pub instance: std::sync::Mutex<Option<(Instant, gitlab::Instance)>>,
    /// Paths of projects that are configured by id, as they were last known.
    pub paths: std::sync::Mutex<BTreeMap<i64, String>>,
    pub tables_ready: Ready,
}

impl Resources {
    /// Notes that a sync begins.
    pub fn began(&self) {
        *lock(&self.began) = Instant::now();
    }

    /// How long ago the last one began.
    pub fn running_for(&self) -> Duration {
        lock(&self.began).elapsed()
    }
}

/// Whether the raw tables were looked after in this process.
#[derive(Debug, Default)]
pub struct Ready(pub Mutex<bool>, pub AtomicBool);

impl Ready {
    /// Has them looked after again before the next use: one has turned out to be missing.
    pub fn forget(&self) {
        self.1.store(true, Ordering::SeqCst);
    }
}
