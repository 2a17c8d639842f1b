//! The lists that are read by time of update.

/// A list that is read by time of update.
pub struct List {
    /// The stream of its rows.
    pub stream: &'static str,
    /// GitLab's field of groups and projects.
    pub field: &'static str,
    /// GitLab's field for one of them by its id.
    pub single: &'static str,
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
    single: "mergeRequest",
    column: "merge_request_id",
    notes: "mr_notes",
    operation: "MergeRequests",
};

pub const ISSUES: List = List {
    stream: "issues",
    field: "issues",
    single: "issue",
    column: "issue_id",
    notes: "issue_notes",
    operation: "Issues",
};
