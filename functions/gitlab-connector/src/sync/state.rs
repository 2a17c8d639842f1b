//! Where a pass is: what its cursor holds, of one type for each pass.
//!
//! A finished pass leaves only `complete_until`, with what the next one has to try again: the time it began at, less an
//! overlap. The overlap is needed because GitLab drops a change of `updated_at` within a minute of the last one, and
//! because replicas lag. Times are GitLab's own clock, from the `Date` header of its answers, or ours if that is behind.

mod changes;
mod projects;
mod reconcile;
mod rest;
mod v0_1;

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use changes::{ChangesProgress, ChangesState, RetryProject, Slice};
pub use projects::{After, Backfill, KnownPage, PendingPipelines, ProjectsProgress, ProjectsState};
pub use reconcile::{IdsProgress, PendingIds, ReconcilePart, ReconcileProgress, ReconcileState};
pub use rest::{PendingList, RestProgress, RestState};

use crate::sync::pass::Pass;

/// In the table of cursors: which streams are read.
pub const STREAMS: &str = "streams";

/// Committed cursors, by stream and scope.
pub type Cursors = HashMap<(String, String), String>;

/// A cursor's content. The driver reads and commits it; each pass changes its own variant only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassState {
    /// Of [`Pass::Projects`].
    Projects(ProjectsState),
    /// Of [`Pass::MergeRequests`].
    MergeRequests(ChangesState),
    /// Of [`Pass::Issues`].
    Issues(ChangesState),
    /// Of [`Pass::Dimensions`].
    Dimensions(SnapshotState),
    /// Of [`Pass::OpenMergeRequests`].
    OpenMergeRequests(ChangesState),
    /// Of [`Pass::Reconcile`].
    Reconcile(ReconcileState),
    /// Of [`Pass::RestStreams`].
    RestStreams(RestState),
}

/// The state of a pass that reads all in one step: it is never under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// When it last began; `None` before it has run once.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub complete_until: Option<OffsetDateTime>,
}

impl PassState {
    /// Of a pass that has never run.
    pub fn new(pass: Pass) -> Self {
        match pass {
            Pass::Projects => Self::Projects(ProjectsState::default()),
            Pass::MergeRequests => Self::MergeRequests(ChangesState::default()),
            Pass::Issues => Self::Issues(ChangesState::default()),
            Pass::Dimensions => Self::Dimensions(SnapshotState::default()),
            Pass::OpenMergeRequests => Self::OpenMergeRequests(ChangesState::default()),
            Pass::Reconcile => Self::Reconcile(ReconcileState::default()),
            Pass::RestStreams => Self::RestStreams(RestState::default()),
        }
    }

    /// Of a pass that has nothing left to read before `at`.
    pub fn complete(pass: Pass, at: OffsetDateTime) -> Self {
        let mut state = Self::new(pass);
        let complete_until = match &mut state {
            Self::Projects(state) => &mut state.complete_until,
            Self::MergeRequests(state) | Self::Issues(state) | Self::OpenMergeRequests(state) => {
                &mut state.complete_until
            }
            Self::Dimensions(state) => &mut state.complete_until,
            Self::Reconcile(state) => &mut state.complete_until,
            Self::RestStreams(state) => &mut state.complete_until,
        };
        *complete_until = Some(at);
        state
    }

    /// Reads a pass's cursor, also one that version 0.1 wrote. One that can't be read counts as none: everything is
    /// read again, and nothing lost.
    pub fn read(pass: Pass, cursor: Option<&str>) -> Self {
        let Some(cursor) = cursor else { return Self::new(pass) };
        let read = serde_json::from_str(cursor).or_else(|error| v0_1::read(pass, cursor).ok_or(error));
        match read {
            Ok(state) if Self::new(pass).is_same_pass(&state) => state,
            Ok(_) => {
                tracing::warn!("a cursor is another pass's, so its scope is read from the beginning");
                Self::new(pass)
            }
            Err(error) => {
                tracing::warn!("a cursor can't be read, so its scope is read from the beginning: {error}");
                Self::new(pass)
            }
        }
    }

    /// The cursor's text.
    pub fn to_cursor(&self) -> String {
        serde_json::to_string(self).expect("a state is always JSON")
    }

    /// Everything that changed before is in the warehouse; `None` before the pass has come to its end once.
    pub fn complete_until(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Projects(state) => state.complete_until,
            Self::MergeRequests(state) | Self::Issues(state) | Self::OpenMergeRequests(state) => state.complete_until,
            Self::Dimensions(state) => state.complete_until,
            Self::Reconcile(state) => state.complete_until,
            Self::RestStreams(state) => state.complete_until,
        }
    }

    /// Whether the pass has begun and not come to its end.
    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Projects(state) => state.progress.is_some(),
            Self::MergeRequests(state) | Self::Issues(state) | Self::OpenMergeRequests(state) => {
                state.progress.is_some()
            }
            Self::Dimensions(_) => false,
            Self::Reconcile(state) => state.progress.is_some(),
            Self::RestStreams(state) => state.progress.is_some(),
        }
    }

    fn is_same_pass(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What is complete after a pass that began at `started_at`. It never goes back: what it has passed is in the warehouse.
fn complete_until(before: Option<OffsetDateTime>, started_at: OffsetDateTime, overlap: Duration) -> OffsetDateTime {
    let until = started_at - overlap;
    before.map_or(until, |before| before.max(until))
}

#[cfg(test)]
mod tests;
