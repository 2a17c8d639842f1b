//! What all parts of one sync share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mergemind_shared::function::Shutdown;
use mergemind_shared::warehouse::CursorMove;

use super::rows::Rows;
use super::summary::Tally;
use super::{Error, Inner};
use crate::gitlab::{self, Instance};

/// GitLab serves no larger page.
const LARGEST_PAGE: u32 = 100;

/// One sync.
pub struct Context<'a> {
    pub inner: &'a Inner,
    pub instance: Instance,
    pub shutdown: Shutdown,
    pub deadline: Instant,
    /// Users fetched in this sync.
    pub known_users: Mutex<HashSet<i64>>,
    pub tally: Mutex<Tally>,
    pub merge_request_page: PageSize,
    pub project_page: PageSize,
}

impl Context<'_> {
    /// Whether to stop at the next checkpoint.
    pub fn must_stop(&self) -> bool {
        self.shutdown.requested() || Instant::now() >= self.deadline
    }

    /// Writes a page and moves its cursor, in one transaction.
    pub async fn commit(&self, rows: Rows, cursor: CursorMove) -> Result<(), Error> {
        let batches = rows.into_batches(&self.inner.streams);
        let read: Vec<(&'static str, usize)> = batches
            .iter()
            .map(|batch| (batch.table.name, batch.rows.len()))
            .collect();
        let written = self.inner.warehouse.commit(batches, Some(&cursor)).await?;
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        for ((table, read), written) in read.into_iter().zip(written) {
            tally.add(table, read as u64, written);
        }
        Ok(())
    }
}

/// How many rows to ask for at once: halved when GitLab finds it too much, and grown again slowly.
pub struct PageSize(AtomicU32);

impl PageSize {
    /// Begins with `size`.
    pub fn new(size: u32) -> Self {
        Self(AtomicU32::new(size.clamp(1, LARGEST_PAGE)))
    }

    /// The size to ask for now.
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// After an error: whether a smaller page is worth a try.
    pub fn shrink(&self, error: &gitlab::Error) -> bool {
        let size = self.get();
        if size == 1 || !matches!(error, gitlab::Error::TooMuch(_)) {
            return false;
        }
        tracing::warn!(from = size, to = size / 2, "{error}; asking for less");
        self.0.store(size / 2, Ordering::Relaxed);
        true
    }

    /// After a good page.
    pub fn grow(&self) {
        let size = self.get();
        self.0.store((size + size / 4 + 1).min(LARGEST_PAGE), Ordering::Relaxed);
    }
}
