//! Until when a sync reads from GitLab.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::error::Error;

/// How long GitLab's answers may come in after the deadline.
const GRACE: Duration = Duration::from_secs(1);
/// What a sync has for its first step, however soon its deadline is: one that never comes to a checkpoint gets nowhere.
const FIRST_STEP: Duration = Duration::from_secs(60);

/// The end of a sync's reading.
pub struct ReadLimit {
    until: Instant,
    is_over: AtomicBool,
}

impl ReadLimit {
    /// Of a sync that begins now, and may take so long.
    pub fn of(time: Duration) -> Self {
        Self {
            until: Instant::now() + time.max(FIRST_STEP) + GRACE,
            is_over: AtomicBool::new(false),
        }
    }

    /// Whether something was still being read then.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Reads from GitLab; bytes that drip in do so for no longer than the sync has.
    ///
    /// # Errors
    /// Those of `reading`, and [`Error::TooLate`].
    pub async fn hold<T>(&self, reading: impl Future<Output = Result<T, impl Into<Error>>>) -> Result<T, Error> {
        tokio::select! {
            // In this order, so that a seed lives the same history twice.
            biased;
            read = reading => read.map_err(Into::into),
            () = tokio::time::sleep_until(self.until) => {
                self.is_over.store(true, Ordering::Relaxed);
                Err(Error::TooLate)
            }
        }
    }
}
