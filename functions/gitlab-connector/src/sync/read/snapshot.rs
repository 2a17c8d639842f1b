//! Groups, labels and milestones: read whole from time to time, and when a row refers to one that is not
//! there. GitLab cannot list only those that changed.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use mergemind_shared::warehouse::{Sweep, Within};

use crate::gitlab::{self, LARGEST_PAGE, PageSize, Parts, gid, next_of, nodes_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::pass::Step;
use crate::sync::read::ancestors;
use crate::sync::read::nodes::{complete, host_of};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::Position;

/// Groups or projects in one request, each with up to 100 labels and milestones.
const AT_ONCE: u32 = 50;

/// The two kinds of things that groups and projects own.
const OWNED: [(&str, &str); 2] = [("labels", "labels"), ("milestones", "milestones")];

/// Who owns labels and milestones.
#[derive(Clone, Copy)]
enum Owner {
    Group,
    Project,
}

impl Owner {
    fn column(self) -> &'static str {
        match self {
            Self::Group => "group_id",
            Self::Project => "project_id",
        }
    }

    /// The key under which an owned node finds its owner.
    fn key(self) -> &'static str {
        match self {
            Self::Group => "_groupId",
            Self::Project => "_projectId",
        }
    }

    fn root(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Project => "project",
        }
    }

    /// GitLab lists the labels of a project's own group among the project's.
    fn owns(self, node: &Json) -> bool {
        let of_group = node["id"].as_str().is_some_and(|id| id.contains("/GroupLabel/"));
        matches!(self, Self::Group) || !of_group
    }

    /// Arguments that leave out what groups above own.
    fn own(self, list: &str) -> &'static str {
        match (self, list) {
            (Self::Group, "labels") => "onlyGroupLabels: true, ",
            _ => "",
        }
    }
}

/// What was seen of all owners: the rest of what they owned is gone.
#[derive(Default)]
struct Seen(BTreeMap<(&'static str, &'static str), Owned>);

/// Owners, and what they own.
#[derive(Default)]
struct Owned {
    owners: Vec<i64>,
    present: Vec<i64>,
}

impl Seen {
    fn add(&mut self, stream: &'static str, owner: Owner, id: i64, present: Vec<i64>) {
        let owned = self.0.entry((stream, owner.column())).or_default();
        owned.owners.push(id);
        owned.present.extend(present);
    }

    fn sweep_into<'a>(self, session: &Session<'a>, rows: &mut Rows<'a>) {
        for ((stream, column), Owned { owners, present }) in self.0 {
            rows.sweeps.push(Sweep {
                table: &session.streams.named(stream).table,
                within: vec![Within::OneOf(column, owners)],
                present,
            });
        }
    }
}

/// Reads all of a scope in one step: there are few of them.
pub async fn step<'a>(session: &Session<'a>, scope: &Scope, position: &Position) -> Result<Step<'a>, Error> {
    let mut pass = position.pass_from(session.instance.at);
    let mut rows = Rows::default();
    let mut seen = Seen::default();
    match scope {
        Scope::Group(path) => {
            let groups = all(session, path, Owner::Group, "descendantGroups(").await?;
            let ids = groups
                .iter()
                .filter_map(|group| Node::new(group).number("id"))
                .collect();
            for group in groups {
                rows.map(session.streams.named("groups"), &group);
                take_owned(session, Owner::Group, group, &mut rows, &mut seen).await?;
            }
            rows.sweeps.push(Sweep {
                table: &session.streams.named("groups").table,
                within: vec![Within::Below("full_path", path.clone())],
                present: ids,
            });
            let list = "projects(includeSubgroups: true, includeArchived: true, ";
            for project in all(session, path, Owner::Project, list).await? {
                take_owned(session, Owner::Project, project, &mut rows, &mut seen).await?;
            }
        }
        Scope::Projects(projects) => {
            let ids: Vec<i64> = projects.paths.keys().copied().collect();
            for project in by_ids(session, scope, &ids).await? {
                take_owned(session, Owner::Project, project, &mut rows, &mut seen).await?;
            }
        }
    }
    ancestors::add(session, scope, &mut rows).await?;
    seen.sweep_into(session, &mut rows);
    pass.listed = true;
    Ok(Step {
        rows,
        next: position.advanced(pass, std::time::Duration::ZERO),
    })
}

/// The scope's group itself and all below it, or all projects below it.
async fn all(session: &Session<'_>, path: &str, owner: Owner, list: &str) -> Result<Vec<Json>, gitlab::Error> {
    let mut found = match owner {
        Owner::Group => vec![group(session, path).await?],
        Owner::Project => Vec::new(),
    };
    let (node, declared) = node_of(session, owner);
    let field = list.split('(').next().unwrap_or(list);
    let query = format!(
        "query Dimensions($path: ID!, $first: Int!, $after: String{declared}) {{ scope: group(fullPath: $path) {{ {list}first: $first, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} }} }}"
    );
    let mut after: Option<String> = None;
    let (size, inner) = (PageSize::new(AT_ONCE), PageSize::new(LARGEST_PAGE));
    loop {
        let variables = json!({"path": path, "first": size.get(), "inner": inner.get(), "after": after});
        let mut reply = match session.client.ask("groups", &query, variables).await {
            Ok(reply) => reply,
            Err(error) if size.shrink(size.get(), &error) || inner.shrink(inner.get(), &error) => continue,
            Err(error) => return Err(error),
        };
        size.grow();
        inner.grow();
        let mut connection = reply.data["scope"][field].take();
        found.extend(nodes_of(&mut connection));
        after = next_of(&connection);
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The group that a scope is.
async fn group(session: &Session<'_>, path: &str) -> Result<Json, gitlab::Error> {
    let (node, declared) = node_of(session, Owner::Group);
    let query = format!("query Dimension($path: ID!{declared}) {{ scope: group(fullPath: $path) {{ {node} }} }}");
    let inner = PageSize::new(LARGEST_PAGE);
    let mut reply = loop {
        let variables = json!({"path": path, "inner": inner.get()});
        match session.client.ask("groups", &query, variables).await {
            Ok(reply) => break reply,
            Err(error) if inner.shrink(inner.get(), &error) => {}
            Err(error) => return Err(error),
        }
    };
    match reply.data["scope"].take() {
        Json::Null => Err(gitlab::Error::ScopeNotFound(format!("group:{path}"))),
        found => Ok(found),
    }
}

/// Projects that are named one by one; those that GitLab does not show are left out. One at which it fails is a warning.
async fn by_ids(session: &Session<'_>, scope: &Scope, ids: &[i64]) -> Result<Vec<Json>, gitlab::Error> {
    let (node, declared) = node_of(session, Owner::Project);
    let query = format!(
        "query DimensionsByIds($ids: [ID!], $first: Int!{declared}) {{ projects(ids: $ids, first: $first) {{ nodes {{ {node} }} }} }}"
    );
    let inner = PageSize::new(LARGEST_PAGE);
    let mut found = Vec::new();
    let mut parts = Parts::of(ids, AT_ONCE as usize);
    while let Some(part) = parts.next() {
        let gids: Vec<String> = part.iter().map(|id| gid("Project", *id)).collect();
        let variables = json!({"ids": gids, "first": part.len(), "inner": inner.get()});
        match session.client.ask("groups", &query, variables).await {
            Ok(mut reply) => found.extend(nodes_of(&mut reply.data["projects"])),
            Err(error) if part.len() == 1 && inner.shrink(inner.get(), &error) => parts.again(part),
            Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error),
            Err(error) if part.len() == 1 => {
                let what = format!("labels and milestones of the project {}", part[0]);
                session.warn(scope, &what, &error.into());
            }
            Err(_) => parts.split(part, part.len().div_ceil(8)),
        }
    }
    Ok(found)
}

/// Maps what a group or project owns; what did not fit is read page by page.
async fn take_owned<'a>(
    session: &Session<'a>,
    owner: Owner,
    mut node: Json,
    rows: &mut Rows<'a>,
    seen: &mut Seen,
) -> Result<(), gitlab::Error> {
    let (Some(id), Some(path)) = (Node::new(&node).number("id"), node["fullPath"].as_str()) else {
        return Ok(());
    };
    let (path, host) = (path.to_owned(), host_of(node["webUrl"].as_str().unwrap_or_default()));
    for (list, name) in OWNED {
        if !session.on(name) {
            continue;
        }
        let stream = session.streams.named(name);
        let mut present = Vec::new();
        let size = PageSize::new(LARGEST_PAGE);
        let mut connection = node[list].take();
        loop {
            for mut owned in nodes_of(&mut connection).into_iter().filter(|node| owner.owns(node)) {
                present.extend(Node::new(&owned).number("id"));
                owned[owner.key()] = node["id"].clone();
                complete(&host, &mut owned);
                rows.map(stream, &owned);
            }
            let Some(after) = next_of(&connection) else { break };
            let query = format!(
                "query Owned($path: ID!, $first: Int!, $after: String) {{ scope: {}(fullPath: $path) {{ {list}({}first: $first, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
                owner.root(),
                owner.own(list),
                session.selection(stream)
            );
            let variables = json!({"path": path, "after": after});
            let mut reply = session.ask_page(name, &query, variables, &size).await?;
            connection = reply.data["scope"][list].take();
        }
        seen.add(name, owner, id, present);
    }
    Ok(())
}

/// What is asked of an owner, and the variable that this needs.
fn node_of(session: &Session<'_>, owner: Owner) -> (String, &'static str) {
    let mut declared = "";
    let mut node = match owner {
        Owner::Group => session.selection(session.streams.named("groups")),
        Owner::Project => "id fullPath webUrl".to_owned(),
    };
    for (list, name) in OWNED {
        if session.on(name) {
            let owned = session.selection(session.streams.named(name));
            node.push_str(&format!(
                " {list}({}first: $inner) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {owned} }} }}",
                owner.own(list)
            ));
            declared = ", $inner: Int!";
        }
    }
    (node, declared)
}
