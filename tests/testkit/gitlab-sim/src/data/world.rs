//! The tables together, and the look-ups that every reader needs.

use std::collections::BTreeMap;

use super::{
    Delivery, Deployment, Group, Issue, Label, LabelChange, MergeRequest, Milestone, Note, Pipeline, Project, Table,
    User,
};
use crate::instant::Instant;

/// The address that this GitLab believes to be reached at.
pub const BASE_URL: &str = "https://gitlab.acme.example";

/// The versions of GitLab that can be played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 15.0, whose GraphQL schema lacks what is marked `@newer`.
    Old,
    #[default]
    New,
}

impl Version {
    /// As `metadata.version` tells it.
    pub fn number(self) -> &'static str {
        match self {
            Self::Old => "15.0.5",
            Self::New => "19.2.1",
        }
    }
}

/// All rows. Reading takes `&World`, so requests share it; whatever changes it is in `edit` and `changes`.
#[derive(Clone, Debug)]
pub struct World {
    pub users: Table<User>,
    pub groups: Table<Group>,
    pub projects: Table<Project>,
    pub labels: Table<Label>,
    pub milestones: Table<Milestone>,
    pub merge_requests: Table<MergeRequest>,
    pub issues: Table<Issue>,
    pub notes: Table<Note>,
    pub pipelines: Table<Pipeline>,
    /// Without any, each job `deploy` that succeeded is one.
    pub deployments: Table<Deployment>,
    /// What is known of them; empty without them.
    pub delivery: Delivery,
    /// The oldest first.
    pub label_changes: Vec<LabelChange>,
    /// Deleted merge requests: what they brought to a repository stays there.
    pub removed: Vec<MergeRequest>,
    pub project_paths: BTreeMap<String, u64>,
    /// The user whom the token belongs to.
    pub token_user: u64,
    /// The newest instant in the data, changes included.
    pub newest: Instant,
    /// Whether this is the Enterprise Edition, which alone has approval rules.
    pub enterprise: bool,
    /// The version that this GitLab plays.
    pub version: Version,
    /// How many changes were made since the data was generated; seeds their made-up parts.
    pub changes: u64,
}

impl World {
    /// Empty tables. Ids start at numbers of different lengths, so that mixing them up shows.
    pub fn empty() -> Self {
        Self {
            users: Table::starting_at(11),
            groups: Table::starting_at(51),
            projects: Table::starting_at(301),
            labels: Table::starting_at(701),
            milestones: Table::starting_at(901),
            merge_requests: Table::starting_at(20_001),
            issues: Table::starting_at(140_001),
            notes: Table::starting_at(3_000_001),
            pipelines: Table::starting_at(500_001),
            deployments: Table::starting_at(9_400_001),
            delivery: Delivery::default(),
            label_changes: Vec::new(),
            removed: Vec::new(),
            project_paths: BTreeMap::new(),
            token_user: 0,
            newest: 0,
            enterprise: true,
            version: Version::New,
            changes: 0,
        }
    }

    /// The project at `full_path`; GitLab ignores case here.
    pub fn project_by_path(&self, full_path: &str) -> Option<&Project> {
        let id = self.project_paths.get(&full_path.to_lowercase())?;
        self.projects.get(*id)
    }

    pub fn group_by_path(&self, full_path: &str) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.full_path.eq_ignore_ascii_case(full_path))
    }

    /// A merge request by its project and its number there; None when this token may not see it.
    pub fn merge_request_by_iid(&self, project: u64, iid: u32) -> Option<&MergeRequest> {
        let id = self.projects.get(project)?.by_iid.get(&iid)?;
        self.merge_requests.get(*id).filter(|found| !found.hidden)
    }

    /// The project of a merge request; they always belong together.
    pub fn project_of(&self, merge_request: &MergeRequest) -> &Project {
        self.projects
            .get(merge_request.project)
            .expect("a merge request's project outlives it")
    }

    /// Whether deployments were made, so that jobs are none.
    pub fn has_deployments(&self) -> bool {
        self.deployments.iter().next().is_some()
    }

    pub fn user_by_name(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username)
    }
}
