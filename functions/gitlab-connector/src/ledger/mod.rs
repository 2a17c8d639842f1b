//! The ledger: whether all that GitLab shows is in the raw tables, and what is not and why. The tables and what their
//! rows mean; the sync fills them.

mod cells;
mod entry;
mod gap;

pub use entry::{Counted, Entry, Told};
pub use gap::{Gap, GapReason, is_due, place_of};
