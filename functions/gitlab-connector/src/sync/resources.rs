//! What all syncs of a process share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mergemind_shared::warehouse::Warehouse;
use tokio::sync::{Mutex, MutexGuard};

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
    /// Shared by all syncers of this process, whatever their settings.
    pub running: Arc<Running>,
    /// What was last known of this GitLab, and when.
    pub instance: std::sync::Mutex<Option<(Instant, gitlab::Instance)>>,
    /// Paths of projects that are configured by id, as they were last known.
    pub paths: std::sync::Mutex<BTreeMap<i64, String>>,
    pub tables_ready: Ready,
    /// Whether the raw tables are known to be of this GitLab.
    pub is_ours: AtomicBool,
}

/// The one sync of this process. Two processes are kept apart by a lease, and if that should be lost, by their cursors'
/// moves.
#[derive(Debug)]
pub struct Running {
    one: Mutex<()>,
    began: std::sync::Mutex<Instant>,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            one: Mutex::default(),
            began: std::sync::Mutex::new(Instant::now()),
        }
    }
}

impl Running {
    /// The right to run a sync; `None` while there is one.
    pub fn begin(&self) -> Option<MutexGuard<'_, ()>> {
        let one = self.one.try_lock().ok()?;
        *lock(&self.began) = Instant::now();
        Some(one)
    }

    /// How long ago the last one began.
    pub fn age(&self) -> Duration {
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
