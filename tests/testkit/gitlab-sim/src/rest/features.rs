//! What is switched off, or beyond the token's role: a client meets a refusal in the middle of its projects.

use super::request::Reply;
use crate::data::{Group, Project};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Commits, branches and tags.
    Repository,
    Releases,
    /// Jobs, environments and deployments. Pipelines stay visible, as GitLab has it for those of other CI services.
    Builds,
    Security,
    /// Variables: for maintainers only.
    Variables,
}

/// Refuses in GitLab's words what a project lacks. Which one lacks what follows from its number.
pub fn check(project: &Project, feature: Feature) -> Result<(), Reply> {
    let id = project.id;
    match feature {
        Feature::Repository if id % 9 == 8 => Err(Reply::not_found("Repository")),
        Feature::Releases if id % 9 == 8 => Err(Reply::forbidden()),
        Feature::Builds if !project.has_builds() => Err(Reply::forbidden()),
        Feature::Security if id % 5 == 3 => Err(Reply::forbidden()),
        Feature::Variables if id % 6 == 2 => Err(Reply::forbidden()),
        _ => Ok(()),
    }
}

/// Variables of a group are for its owners.
pub fn check_variables(group: &Group) -> Result<(), Reply> {
    if group.id % 4 == 2 {
        Err(Reply::forbidden())
    } else {
        Ok(())
    }
}
