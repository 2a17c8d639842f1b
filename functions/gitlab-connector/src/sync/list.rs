//! The lists that are read by time of update.

use crate::gitlab::{ISSUE, MERGE_REQUEST, RowKind};

/// A list that is read by time of update.
pub struct List {
    /// The stream of its rows.
    pub stream: &'static str,
    /// GitLab's field of groups and projects.
    pub field: &'static str,
    /// How one of them is named by its id.
    pub kind: RowKind,
    /// The column that names one of them in what belongs to it.
    pub column: &'static str,
    /// The stream of notes on its rows.
    pub notes: &'static str,
    /// Names its queries in GitLab's logs.
    pub operation: &'static str,
}

pub const MERGE_REQUESTS: List = List {
    stream: "merge_requests",
    field: "mergeRequests",
    kind: MERGE_REQUEST,
    column: "merge_request_id",
    notes: "mr_notes",
    operation: "MergeRequests",
};

pub const ISSUES: List = List {
    stream: "issues",
    field: "issues",
    kind: ISSUE,
    column: "issue_id",
    notes: "issue_notes",
    operation: "Issues",
};
