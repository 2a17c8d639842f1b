//! Which projects a query is about.

use super::{Project, World};

/// The projects of a group: those directly in it, and those further below when `subgroups` is set.
pub fn projects_below<'a>(
    world: &'a World,
    group_path: &'a str,
    subgroups: bool,
    archived: bool,
) -> impl Iterator<Item = &'a Project> {
    world.projects.iter().filter(move |project| {
        let inside = project.namespace == group_path || subgroups && is_below(&project.namespace, group_path);
        inside && (archived || !project.archived)
    })
}

/// Whether the group at `path` is the one at `group_path` or lies below it.
pub fn is_below(path: &str, group_path: &str) -> bool {
    path.strip_prefix(group_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Narrows by ids and by a search in name and path, as GitLab's project lists do; None means no narrowing.
pub fn projects_where<'a>(
    projects: impl Iterator<Item = &'a Project>,
    ids: Option<&[u64]>,
    search: Option<&str>,
) -> Vec<&'a Project> {
    let needle = search.map(str::to_lowercase);
    projects
        .filter(|project| ids.is_none_or(|ids| ids.contains(&project.id)))
        .filter(|project| {
            needle
                .as_deref()
                .is_none_or(|needle| project.name.to_lowercase().contains(needle) || project.path.contains(needle))
        })
        .collect()
}
