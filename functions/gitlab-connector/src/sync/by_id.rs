//! Projects that are configured by their ids. All else names projects by their full paths, which change
//! when a project moves.

use std::collections::BTreeMap;

use serde_json::json;

use super::Target;
use super::connection::nodes_of;
use super::page_size::LARGEST_PAGE;
use crate::gitlab::{self, Client};
use crate::streams::{Node, gid};

/// The paths of projects, by id.
pub type Paths = BTreeMap<i64, String>;

/// A target's project id, if it is configured by one: a full path always has a group before it.
pub fn id_of(target: &Target) -> Option<i64> {
    match target {
        Target::Project(id) => id.parse().ok(),
        Target::Group(_) => None,
    }
}

/// Asks GitLab for the paths of the projects that are configured by id; those that it does not show are missing.
///
/// # Errors
/// If GitLab can't be asked.
pub async fn paths(client: &Client, targets: &[Target]) -> Result<Paths, gitlab::Error> {
    const QUERY: &str = "query PathsOfProjects($ids: [ID!], $first: Int!) { projects(ids: $ids, first: $first) { nodes { id fullPath } } }";
    let ids: Vec<String> = targets.iter().filter_map(id_of).map(|id| gid("Project", id)).collect();
    let mut paths = Paths::new();
    for ids in ids.chunks(LARGEST_PAGE as usize) {
        let mut reply = client
            .ask("projects", QUERY, json!({"ids": ids, "first": LARGEST_PAGE}))
            .await?;
        for node in nodes_of(&mut reply.data["projects"]) {
            if let (Some(id), Some(path)) = (Node::new(&node).number("id"), node["fullPath"].as_str()) {
                paths.insert(id, path.to_owned());
            }
        }
    }
    Ok(paths)
}

/// The target by its path; unchanged if it was configured by one, or is not known.
pub fn named(target: &Target, paths: &Paths) -> Target {
    match id_of(target).and_then(|id| paths.get(&id)) {
        Some(path) => Target::Project(path.clone()),
        None => target.clone(),
    }
}
