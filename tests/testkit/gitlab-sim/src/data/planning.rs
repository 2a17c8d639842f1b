//! Groups, and what work is planned with: labels, milestones and issues.

use super::Text;
use crate::instant::Instant;

#[derive(Clone, Debug)]
pub struct Group {
    pub id: u64,
    pub name: String,
    pub full_path: String,
    pub description: Option<String>,
    pub visibility: &'static str,
    /// None for a group at the top.
    pub parent: Option<u64>,
}

impl Group {
    pub fn path(&self) -> &str {
        self.full_path.rsplit('/').next().unwrap_or_default()
    }
}

/// Where a label or a milestone lives: it can be used there and in everything below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Group(u64),
    Project(u64),
}

impl Owner {
    pub fn group(self) -> Option<u64> {
        match self {
            Self::Group(id) => Some(id),
            Self::Project(_) => None,
        }
    }

    pub fn project(self) -> Option<u64> {
        match self {
            Self::Project(id) => Some(id),
            Self::Group(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Label {
    pub id: u64,
    pub owner: Owner,
    pub title: String,
    pub color: &'static str,
    pub description: Option<&'static str>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Clone, Debug)]
pub struct Milestone {
    pub id: u64,
    /// Counted within the owner.
    pub iid: u64,
    pub owner: Owner,
    pub title: String,
    pub description: Option<String>,
    pub active: bool,
    pub start_date: Option<Instant>,
    pub due_date: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Clone, Debug)]
pub struct Issue {
    pub id: u64,
    pub iid: u32,
    pub project: u64,
    pub title: Text,
    pub description: Option<Text>,
    /// Open if false.
    pub closed: bool,
    /// A value of GitLab's `IssueType`.
    pub kind: &'static str,
    /// GitLab never has an issue without an author: the ghost takes over those of deleted users.
    pub author: u64,
    pub assignees: Vec<u64>,
    /// By id.
    pub labels: Vec<u64>,
    pub milestone: Option<u64>,
    pub confidential: bool,
    /// The Enterprise Edition's.
    pub weight: Option<u32>,
    pub due_date: Option<Instant>,
    pub user_notes: u32,
    pub upvotes: u32,
    pub downvotes: u32,
    /// Seconds.
    pub time_estimate: u32,
    /// Seconds.
    pub time_spent: u32,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub closed_at: Option<Instant>,
    /// By (created_at, id).
    pub notes: Vec<u64>,
}

impl Issue {
    pub fn state(&self) -> &'static str {
        if self.closed { "closed" } else { "opened" }
    }
}
