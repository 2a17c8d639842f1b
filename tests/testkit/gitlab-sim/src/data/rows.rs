//! The rows of the simulated GitLab: what its database would hold, as far as its API shows it.

use std::collections::{BTreeMap, BTreeSet};

use super::Text;
use crate::instant::Instant;

/// A Git object name, printed as 40 hexadecimal digits.
pub type Sha = [u8; 20];

#[derive(Clone, Debug)]
pub struct User {
    pub id: u64,
    pub username: String,
    pub name: String,
    /// What commits call this account, whatever it is called now.
    pub git_name: String,
    pub public_email: Option<String>,
    /// A value of GitLab's `UserState`.
    pub state: &'static str,
    pub bot: bool,
    /// False for the ghost, for bots and for people who left.
    pub member: bool,
    pub created_at: Instant,
    pub last_activity_on: Option<Instant>,
}

#[derive(Clone, Debug)]
pub struct Project {
    pub id: u64,
    pub name: String,
    pub path: String,
    /// The full path of the group above, such as `acme/platform`.
    pub namespace: String,
    pub namespace_name: String,
    pub description: Option<String>,
    pub default_branch: Option<String>,
    pub visibility: &'static str,
    pub archived: bool,
    pub star_count: u32,
    pub forks_count: u32,
    pub open_issues_count: u32,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub last_activity_at: Instant,
    pub approvals_required: u32,
    pub next_iid: u32,
    pub next_pipeline_iid: u32,
    /// Indices of this project's merge requests, so that a page is a range and never a sort.
    pub by_iid: BTreeMap<u32, u64>,
    pub by_updated: BTreeSet<(Instant, u64)>,
    pub by_created: BTreeSet<(Instant, u64)>,
    pub pipelines: BTreeSet<u64>,
    pub issues: Indices,
}

/// The same indices for a project's issues, and the number that the next one gets.
#[derive(Clone, Debug, Default)]
pub struct Indices {
    pub last_iid: u32,
    pub by_iid: BTreeMap<u32, u64>,
    pub by_updated: BTreeSet<(Instant, u64)>,
    pub by_created: BTreeSet<(Instant, u64)>,
}

impl Project {
    pub fn full_path(&self) -> String {
        format!("{}/{}", self.namespace, self.path)
    }

    /// Whether jobs, environments and deployments are switched on; pipelines stay visible, as GitLab has it for those of other
    /// CI services.
    pub fn has_builds(&self) -> bool {
        self.id % 7 != 3
    }

    pub fn name_with_namespace(&self) -> String {
        format!("{} / {}", self.namespace_name, self.name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Opened,
    Closed,
    Locked,
    Merged,
}

impl MergeRequest {
    /// The commit by which it came into its target branch: after a fast-forward merge that is its own, or the squashed one.
    pub fn landed_sha(&self) -> Option<Sha> {
        self.merge_commit_sha.or(self.squash_commit_sha).or(self.sha)
    }

    /// Who closed it, while it is closed.
    pub fn closed_by(&self) -> Option<u64> {
        let last = self.state_events.iter().rev().find(|event| event.state == "closed");
        last.filter(|_| self.state == State::Closed)
            .and_then(|event| event.user)
    }
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Locked => "locked",
            Self::Merged => "merged",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Reviewer {
    pub user: u64,
    /// A value of GitLab's `MergeRequestReviewState`.
    pub state: &'static str,
}

#[derive(Clone, Debug, Default)]
pub struct Size {
    pub additions: u32,
    pub deletions: u32,
    pub files: u32,
}

/// The end of a push.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Commits in the merge request after it.
    pub commits: u32,
    pub sha: Sha,
    pub at: Instant,
}

/// Where and when code went. GitLab keeps it when the pipeline that did it is deleted.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub id: u64,
    /// Counted within the project.
    pub iid: u64,
    pub project: u64,
    /// An index among the project's environments.
    pub environment: usize,
    /// `success`, `failed` or `canceled`.
    pub status: &'static str,
    pub sha: Sha,
    pub user: Option<u64>,
    /// The pipeline whose job deployed.
    pub pipeline: u64,
    pub created_at: Instant,
    pub updated_at: Instant,
    /// What GitLab links with it: merge requests whose merge commits it brought to the environment first.
    pub merge_requests: Vec<u64>,
}

/// Counters that GitLab keeps about a merge request's notes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discussions {
    pub user_notes: u32,
    pub user_discussions: u32,
    pub resolvable: u32,
    pub resolved: u32,
}

/// A change of a merge request's state. GitLab keeps an event of it, and no note since version 13.
#[derive(Clone, Copy, Debug)]
pub struct StateEvent {
    /// `closed`, `reopened` or `merged`.
    pub state: &'static str,
    pub user: Option<u64>,
    pub at: Instant,
}

#[derive(Clone, Debug)]
pub struct MergeRequest {
    pub id: u64,
    pub iid: u32,
    pub project: u64,
    pub title: Text,
    pub description: Option<Text>,
    pub state: State,
    pub draft: bool,
    pub author: Option<u64>,
    pub assignees: Vec<u64>,
    pub reviewers: Vec<Reviewer>,
    pub approved_by: Vec<u64>,
    pub merge_user: Option<u64>,
    pub milestone: Option<u64>,
    pub labels: Vec<u64>,
    pub source_branch: Box<str>,
    pub target_branch: Box<str>,
    /// None when the fork was deleted.
    pub source_project: Option<u64>,
    pub sha: Option<Sha>,
    pub base_sha: Sha,
    pub merge_commit_sha: Option<Sha>,
    /// What its commits became if they were squashed.
    pub squash_commit_sha: Option<Sha>,
    /// When its commits were last put on top of the target branch.
    pub rebased_at: Option<Instant>,
    pub size: Size,
    pub commit_count: u32,
    /// Where each push ended, oldest first.
    pub heads: Vec<Head>,
    pub discussions: Discussions,
    pub upvotes: u32,
    pub downvotes: u32,
    pub head_pipeline: Option<u64>,
    pub conflicts: bool,
    /// GitLab recomputes this one in the background; it is neither a cause nor an effect of an update.
    pub merge_checked: bool,
    pub approvals_required: u32,
    pub squash: bool,
    pub auto_merge: bool,
    pub time_estimate: u32,
    pub time_spent: u32,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub prepared_at: Option<Instant>,
    pub merged_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    /// Oldest first.
    pub state_events: Vec<StateEvent>,
    /// This token may not see it: it counts while a page is cut and is taken out afterwards.
    pub hidden: bool,
    /// By (created_at, id).
    pub notes: Vec<u64>,
    /// By id.
    pub pipelines: Vec<u64>,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noteable {
    MergeRequest(u64),
    Issue(u64),
}

#[derive(Clone, Debug)]
pub struct Note {
    pub id: u64,
    pub on: Noteable,
    pub author: Option<u64>,
    pub body: Text,
    /// The icon of a system note; None for a person's comment.
    pub icon: Option<&'static str>,
    pub internal: bool,
    /// A reply belongs to the discussion that an earlier note opened.
    pub reply: bool,
    pub resolvable: bool,
    pub resolved_at: Option<Instant>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

#[derive(Clone, Debug)]
pub struct Pipeline {
    pub id: u64,
    pub iid: u32,
    pub project: u64,
    pub git_ref: Box<str>,
    pub sha: Sha,
    pub source: &'static str,
    /// A value of GitLab's `PipelineStatusEnum`.
    pub status: &'static str,
    pub user: Option<u64>,
    pub created_at: Instant,
    pub updated_at: Instant,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    pub committed_at: Option<Instant>,
    /// Seconds.
    pub duration: Option<u32>,
    /// Seconds.
    pub queued_duration: Option<f32>,
    /// Per cent.
    pub coverage: Option<f32>,
}

/// The 40 digits of an object name.
pub fn hex(sha: &Sha) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    sha.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| DIGITS[usize::from(digit)] as char)
        .collect()
}
