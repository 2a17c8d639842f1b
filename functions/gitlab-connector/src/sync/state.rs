//! Where a pass is: what its cursor holds, of one type for each pass.
//!
//! A finished pass leaves only `complete_until`, with what the next one has to try again: the time it began at, less an
//! overlap. The overlap is needed because GitLab drops a change of `updated_at` within a minute of the last one, and
//! because replicas lag. Times are GitLab's own clock, from the `Date` header of its answers, or ours if that is behind.

mod changes;
mod overlap;
mod pass_state;
mod projects;
mod read;
mod reconcile;
mod rest;
mod v0_1;

use std::collections::HashMap;

pub use changes::{ChangesProgress, ChangesState, RetryProject, Slice};
pub use pass_state::{PassState, SnapshotState};
pub use projects::{After, Backfill, KnownPage, PendingPipelines, ProjectsProgress, ProjectsState};
pub use reconcile::{
    Gone, Held, IdsProgress, PendingIds, ReconcilePart, ReconcileProgress, ReconcileState, Sweep, Tally,
};
pub use rest::{PendingList, RestProgress, RestState};

/// In the table of cursors: which streams are read.
pub const STREAMS: &str = "streams";

/// Committed cursors, by stream and scope.
pub type Cursors = HashMap<(String, String), String>;

#[cfg(test)]
mod tests;
