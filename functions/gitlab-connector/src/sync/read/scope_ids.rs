//! The ids of a scope's projects and groups.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::gitlab::{self, Connection, Owner, Purpose, Selection};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::scope::Scope;
use crate::sync::session::Session;

/// The projects of a scope, by id, with their full paths; of a group they are asked once in a sync.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn projects_of(session: &Session<'_>, scope: &Scope) -> Result<BTreeMap<i64, String>, Error> {
    let path = match scope {
        Scope::Group(path) => path,
        Scope::Projects(projects) => return Ok(projects.paths.clone()),
    };
    if let Some(known) = lock(&session.projects).get(path) {
        return Ok(known.clone());
    }
    let list = Connection::new(Owner::Group(path.clone()), "projects")
        .with_all_below()
        .nodes(Selection::parse("id fullPath"));
    let page = gitlab::all(session.client, &Purpose::new("reconcile", "IdsOfProjects"), list).await?;
    let place = |node: &Json| Some((Node::new(node).number("id")?, node["fullPath"].as_str()?.to_owned()));
    let found: BTreeMap<i64, String> = page.nodes.iter().filter_map(place).collect();
    lock(&session.projects).insert(path.clone(), found.clone());
    Ok(found)
}

/// The scope's group and all below it, by id.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn groups_of(session: &Session<'_>, scope: &Scope) -> Result<Vec<i64>, gitlab::Error> {
    let Scope::Group(path) = scope else {
        return Ok(Vec::new());
    };
    let list = Connection::new(Owner::Group(path.clone()), "descendantGroups").nodes(Selection::parse("id"));
    let page = gitlab::all(session.client, &Purpose::new("groups", "IdsOfGroups"), list).await?;
    let groups = page.nodes.iter().chain([&page.owner]);
    let mut ids: Vec<i64> = groups.filter_map(|node| Node::new(node).number("id")).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
