//! The ids of a scope's projects and groups.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::gitlab::{self, Connection, Owner, Page, Purpose, Selection};
use crate::streams::{Node, groups, projects};
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::After;

/// The projects of a scope, by id, with their full paths; of a group they are asked once in a sync.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn projects_of(session: &Session<'_>, scope: &Scope) -> Result<BTreeMap<i64, String>, Error> {
    let path = match scope {
        Scope::Group(path) => path,
        Scope::Projects(projects) => {
            let mut paths = projects.paths.clone();
            paths.retain(|_, path| !session.options.excludes(path));
            lock(&session.paths).extend(paths.clone());
            return Ok(paths);
        }
    };
    if let Some(known) = lock(&session.projects).get(path) {
        return Ok(known.clone());
    }
    let list = Connection::new(Owner::Group(path.clone()), projects::LIST)
        .with_all_below()
        .nodes(Selection::parse("id fullPath"));
    let page = all_pages(session, scope, list).await?;
    let place = |node: &Json| Some((Node::new(node).number("id")?, node["fullPath"].as_str()?.to_owned()));
    let mut found: BTreeMap<i64, String> = page.nodes.iter().filter_map(place).collect();
    found.retain(|_, path| !session.options.excludes(path));
    lock(&session.paths).extend(found.clone());
    lock(&session.projects).insert(path.clone(), found.clone());
    Ok(found)
}

/// All pages of the list of projects: those that are where they were when it was last read come together.
async fn all_pages(session: &Session<'_>, scope: &Scope, list: Connection) -> Result<Page, gitlab::Error> {
    let purpose = Purpose::new("reconcile", "IdsOfProjects");
    let starts = lock(&session.project_pages).get(&scope.to_string()).cloned();
    let starts: Vec<Option<String>> = starts
        .into_iter()
        .flatten()
        .map(|after| after.as_ref().and_then(After::cursor).map(ToOwned::to_owned))
        .collect();
    let lists = starts.iter().map(|after| list.clone().after(after.clone())).collect();
    let mut found = Page::default();
    let (mut begun, mut next) = (false, None);
    for (start, page) in starts.iter().zip(gitlab::fetch(session.client, &purpose, lists).await?) {
        let Ok(page) = page else { break };
        if *start != next || (begun && next.is_none()) {
            break;
        }
        found.append(page);
        (begun, next) = (true, found.next());
    }
    if begun && next.is_none() {
        return Ok(found);
    }
    let rest = gitlab::all(session.client, &purpose, list.after(next)).await?;
    found.append(rest);
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
    let page = gitlab::all(session.client, &Purpose::new(groups::NAME, "IdsOfGroups"), list).await?;
    let shown = page.nodes.iter().chain([&page.owner]);
    let mut ids: Vec<i64> = shown.filter_map(|node| Node::new(node).number("id")).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
