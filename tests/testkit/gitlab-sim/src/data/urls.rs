//! Addresses. They follow from paths, so they change when a project or a group is renamed, without any row being saved.

use super::{BASE_URL, Issue, MergeRequest, Milestone, Note, Noteable, Owner, World};

pub fn merge_request_url(world: &World, row: &MergeRequest) -> String {
    let path = world.project_of(row).full_path();
    format!("{BASE_URL}/{path}/-/merge_requests/{}", row.iid)
}

pub fn issue_url(world: &World, row: &Issue) -> String {
    let path = world.projects.get(row.project).map(super::Project::full_path);
    format!("{BASE_URL}/{}/-/issues/{}", path.unwrap_or_default(), row.iid)
}

pub fn note_url(world: &World, note: &Note) -> Option<String> {
    let page = match note.on {
        Noteable::MergeRequest(id) => merge_request_url(world, world.merge_requests.get(id)?),
        Noteable::Issue(id) => issue_url(world, world.issues.get(id)?),
    };
    Some(format!("{page}#note_{}", note.id))
}

/// A milestone's address without the host.
pub fn milestone_path(world: &World, row: &Milestone) -> String {
    match row.owner {
        Owner::Group(id) => {
            let path = world.groups.get(id).map(|group| group.full_path.as_str());
            format!("/groups/{}/-/milestones/{}", path.unwrap_or_default(), row.iid)
        }
        Owner::Project(id) => {
            let path = world.projects.get(id).map(super::Project::full_path);
            format!("/{}/-/milestones/{}", path.unwrap_or_default(), row.iid)
        }
    }
}
