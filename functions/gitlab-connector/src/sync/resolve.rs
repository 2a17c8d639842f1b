//! From what is configured to what passes run over.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use crate::config::{Discovery, Target};
use crate::gitlab::{self, Client, Connection, Owner, Purpose, Selection};
use crate::streams::{Node, projects};
use crate::sync::discovery;
use crate::sync::error::Error;
use crate::sync::scope::{Projects, Scope};
use crate::sync::session::Session;

/// The scope of all projects that are configured or discovered, as cursors name it.
const ALL: &str = projects::NAME;

/// The groups, and the projects in one scope; each in its own if only some are asked for. A project that GitLab does
/// not show is a warning. Beside them, how many discovered projects are left out for their number.
///
/// # Errors
/// If GitLab can't be asked, or there is nothing at all to sync.
pub async fn scopes(
    session: &Session<'_>,
    targets: &[Target],
    discovery: Option<&Discovery>,
    only_some: bool,
) -> Result<(Vec<Scope>, usize), Error> {
    let mut scopes: Vec<Scope> = groups(targets);
    let mut left_out = 0;
    let mut missing = None;
    let mut projects = BTreeMap::new();
    for (target, found) in configured(session, targets).await? {
        let Some((id, path)) = found else {
            let error = gitlab::Error::ScopeNotFound(target.to_string()).into();
            session.warn(&target, "the scope", &error);
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
        let found = discovery::find(session, discovery, targets).await?;
        projects.extend(found.projects);
        left_out = found.beyond;
    }
    projects.retain(|_, path| !session.options.excludes(path));
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
    session: &Session<'_>,
    targets: &[Target],
) -> Result<Vec<(Target, Option<(i64, String)>)>, gitlab::Error> {
    let projects = targets.iter().filter(|target| matches!(target, Target::Project(_)));
    let by_path: Vec<&str> = projects
        .clone()
        .filter(|target| id_of(target).is_none())
        .map(Target::path)
        .collect();
    let mut found: HashMap<&str, (i64, String)> = HashMap::new();
    let owners = by_path.iter().map(|path| {
        let owner = Owner::ProjectAt((*path).to_owned());
        Connection::of_owner(owner).beside(Selection::parse("id fullPath"))
    });
    let asked = gitlab::fetch(
        session.client,
        &Purpose::new(projects::NAME, "IdsOfProjects"),
        owners.collect(),
    )
    .await?;
    for (path, project) in by_path.iter().zip(asked) {
        let project = match project {
            Ok(page) => page.owner,
            Err(gitlab::Error::ScopeNotFound(_)) => continue,
            Err(error) => return Err(error),
        };
        if let (Some(id), Some(now)) = (Node::new(&project).number("id"), project["fullPath"].as_str()) {
            found.insert(path, (id, now.to_owned()));
        }
    }
    let known = paths(session.client, targets).await?;
    let place = |target: &Target| match id_of(target) {
        Some(id) => known.get(&id).map(|path| (id, path.clone())),
        None => found.get(target.path()).cloned(),
    };
    Ok(projects.map(|target| (target.clone(), place(target))).collect())
}

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
    let list = Connection::new(Owner::GitLab, projects::LIST)
        .ids("Project", targets.iter().filter_map(id_of))
        .nodes(Selection::parse("id fullPath"));
    let page = gitlab::fetch_one(client, &Purpose::new(projects::NAME, "PathsOfProjects"), list).await?;
    let place = |node: &Json| Some((Node::new(node).number("id")?, node["fullPath"].as_str()?.to_owned()));
    Ok(page.nodes.iter().filter_map(place).collect())
}

/// The target by its path; unchanged if it was configured by one, or is not known.
pub fn named(target: &Target, paths: &Paths) -> Target {
    match id_of(target).and_then(|id| paths.get(&id)) {
        Some(path) => Target::Project(path.clone()),
        None => target.clone(),
    }
}
