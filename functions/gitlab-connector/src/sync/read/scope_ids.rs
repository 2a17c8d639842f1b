//! The ids of a scope's projects and groups.

use std::collections::BTreeMap;

use serde_json::json;

use crate::gitlab::{self, LARGEST_PAGE, PageSize, next_of, nodes_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::scope::Scope;
use crate::sync::session::Session;

/// The projects of a scope, by id, with their full paths; of a group they are asked once in a sync.
pub async fn projects_of(session: &Session<'_>, scope: &Scope) -> Result<BTreeMap<i64, String>, Error> {
    let path = match scope {
        Scope::Group(path) => path,
        Scope::Projects(projects) => return Ok(projects.paths.clone()),
    };
    if let Some(known) = lock(&session.projects).get(path) {
        return Ok(known.clone());
    }
    let query = "query IdsOfProjects($path: ID!, $first: Int!, $after: String) { scope: group(fullPath: $path) { projects(includeSubgroups: true, includeArchived: true, first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { id fullPath } } } }";
    let size = PageSize::new(LARGEST_PAGE);
    let mut found = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let variables = json!({"path": path, "after": after});
        let mut reply = session.ask_page("reconcile", query, variables, &size).await?;
        let mut group = reply.data["scope"].take();
        if group.is_null() {
            return Err(gitlab::Error::ScopeNotFound(scope.to_string()).into());
        }
        for node in nodes_of(&mut group["projects"]) {
            if let (Some(id), Some(path)) = (Node::new(&node).number("id"), node["fullPath"].as_str()) {
                found.insert(id, path.to_owned());
            }
        }
        after = next_of(&group["projects"]);
        if after.is_none() {
            break;
        }
    }
    lock(&session.projects).insert(path.clone(), found.clone());
    Ok(found)
}

/// The scope's group and all below it, by id.
pub async fn groups_of(session: &Session<'_>, scope: &Scope) -> Result<Vec<i64>, gitlab::Error> {
    let Scope::Group(path) = scope else {
        return Ok(Vec::new());
    };
    const QUERY: &str = "query IdsOfGroups($path: ID!, $first: Int!, $after: String) { scope: group(fullPath: $path) { id descendantGroups(first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { id } } } }";
    let size = PageSize::new(LARGEST_PAGE);
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let variables = json!({"path": path, "after": after});
        let mut reply = session.ask_page("groups", QUERY, variables, &size).await?;
        let mut group = reply.data["scope"].take();
        ids.extend(Node::new(&group).number("id"));
        let mut connection = group["descendantGroups"].take();
        ids.extend(
            nodes_of(&mut connection)
                .iter()
                .filter_map(|node| Node::new(node).number("id")),
        );
        after = next_of(&connection);
        if after.is_none() {
            ids.sort_unstable();
            ids.dedup();
            return Ok(ids);
        }
    }
}
