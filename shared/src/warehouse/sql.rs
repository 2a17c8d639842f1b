//! The statements, as text. Everything here is a pure function of plain values, so that a test can read it.

mod commit;
mod lease;
mod merge;
mod soft_delete;
mod text;
mod unchanged;

pub(super) use commit::{CommitGuards, commit};
pub use commit::{CursorMove, Mark};
pub use lease::Lease;
pub(super) use lease::{acquire_and_read_script, acquire_script, release_script, renew_script};
pub use merge::CompleteSet;
pub(super) use merge::Merge;
pub use soft_delete::{SoftDelete, Within};
pub use text::one_of;
pub(super) use text::{CURSOR_MOVED, CURSORS, LEASE_LOST, LEASES, ROWS_MOVED, TableNames, literal};
pub(super) use unchanged::{statements, unchanged_question};
