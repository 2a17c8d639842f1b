//! What a comparison with GitLab has found.

/// What a comparison with GitLab has found, by address.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Rows that the raw tables lacked.
    pub missing: Vec<String>,
    /// Rows that they had otherwise.
    pub changed: Vec<String>,
    /// Rows that GitLab does not show any more.
    pub gone: Vec<String>,
    /// Projects that it does not show any more.
    pub hidden: Vec<String>,
}
