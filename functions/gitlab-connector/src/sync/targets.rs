//! From what is configured to what passes run over.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, json};

use super::context::Context;
use super::discovery::{self, Discovery};
use super::scope::{Projects, Scope, Target};
use super::{Error, by_id};
use crate::gitlab;
use crate::streams::Node;

/// Paths in one request: each costs 3 of GitLab's 250.
const PATHS_AT_ONCE: usize = 75;
/// The cursor of all projects that are configured or discovered.
const ALL: &str = "projects";

/// The groups, and the projects in one scope; each in its own if only some are asked for. A project that GitLab does
/// not show is a warning. Beside them, how many discovered projects are left out for their number.
///
/// # Errors
/// If GitLab can't be asked, or there is nothing at all to sync.
pub async fn scopes(
    context: &Context<'_>,
    targets: &[Target],
    discovery: Option<&Discovery>,
    only_some: bool,
) -> Result<(Vec<Scope>, usize), Error> {
    let mut scopes: Vec<Scope> = groups(targets);
    let mut left_out = 0;
    let mut missing = None;
    let mut projects = BTreeMap::new();
    for (target, found) in configured(context, targets).await? {
        let Some((id, path)) = found else {
            let error = gitlab::Error::ScopeNotFound(target.to_string()).into();
            context.warn(&target, "the scope", &error);
            missing = Some(error);
            continue;
        };
        if only_some {
            scopes.push(Scope::Projects(Projects {
                name: target.to_string(),
                paths: BTreeMap::from([(id, path)]),
            }));
        } else {
            projects.insert(id, path);
        }
    }
    if let Some(discovery) = discovery.filter(|_| !only_some) {
        let found = discovery::find(context, discovery, targets).await?;
        projects.extend(found.projects);
        left_out = found.beyond;
    }
    if !projects.is_empty() {
        scopes.push(Scope::Projects(Projects {
            name: ALL.to_owned(),
            paths: projects,
        }));
    }
    if scopes.is_empty() {
        return Err(missing.unwrap_or_else(|| {
            let what = "project that AUTO_DISCOVER_PROJECTS and its filters let through and";
            gitlab::Error::ScopeNotFound(what.into()).into()
        }));
    }
    Ok((scopes, left_out))
}

/// The groups among them.
pub fn groups(targets: &[Target]) -> Vec<Scope> {
    let groups = targets.iter().filter_map(|target| match target {
        Target::Group(path) => Some(Scope::Group(path.clone())),
        Target::Project(_) => None,
    });
    groups.collect()
}

/// The configured projects; with their ids and paths, if GitLab shows them.
async fn configured(
    context: &Context<'_>,
    targets: &[Target],
) -> Result<Vec<(Target, Option<(i64, String)>)>, gitlab::Error> {
    let projects = targets.iter().filter(|target| matches!(target, Target::Project(_)));
    let by_path: Vec<&str> = projects
        .clone()
        .filter(|target| by_id::id_of(target).is_none())
        .map(Target::path)
        .collect();
    let mut found: HashMap<&str, (i64, String)> = HashMap::new();
    for paths in by_path.chunks(PATHS_AT_ONCE) {
        let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
        for (index, path) in paths.iter().enumerate() {
            parameters.push_str(&format!("$p{index}: ID!, "));
            fields.push_str(&format!("a{index}: project(fullPath: $p{index}) {{ id fullPath }} "));
            variables.insert(format!("p{index}"), json!(path));
        }
        let query = format!("query IdsOfProjects({parameters}) {{ {fields} }}");
        let reply = context.client.ask("projects", &query, variables.into()).await?;
        for (index, path) in paths.iter().enumerate() {
            let node = &reply.data[format!("a{index}")];
            if let (Some(id), Some(now)) = (Node::new(node).number("id"), node["fullPath"].as_str()) {
                found.insert(path, (id, now.to_owned()));
            }
        }
    }
    let known = by_id::paths(context.client, targets).await?;
    let place = |target: &Target| match by_id::id_of(target) {
        Some(id) => known.get(&id).map(|path| (id, path.clone())),
        None => found.get(target.path()).cloned(),
    };
    Ok(projects.map(|target| (target.clone(), place(target))).collect())
}
