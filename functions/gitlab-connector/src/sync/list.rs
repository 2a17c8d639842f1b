//! The lists that are read by time of update.

use crate::gitlab::{ISSUE, MERGE_REQUEST, RowKind};
use crate::streams::{issue_notes, issues, merge_requests, mr_notes};

/// A list that is read by time of update.
pub struct List {
    /// The stream of its rows.
    pub stream: &'static str,
    /// GitLab's field of groups and projects.
    pub field: &'static str,
    /// How one of them is named by its id.
    pub kind: RowKind,
    /// The stream of notes on its rows.
    pub notes: &'static str,
    /// Names its queries in GitLab's logs.
    pub operation: &'static str,
}

pub const MERGE_REQUESTS: List = List {
    stream: merge_requests::NAME,
    field: merge_requests::LIST,
    kind: MERGE_REQUEST,
    notes: mr_notes::NAME,
    operation: "MergeRequests",
};

pub const ISSUES: List = List {
    stream: issues::NAME,
    field: issues::LIST,
    kind: ISSUE,
    notes: issue_notes::NAME,
    operation: "Issues",
};
