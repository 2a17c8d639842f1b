//! The look at what is gone, and at what was missed, on a schedule of its own.
//!
//! GitLab leaves no trace of a deleted row. So the ids of each list are read whole, a stretch at a time,
//! and compared with what the raw table has of that stretch: what GitLab no longer shows is marked as
//! deleted, what the table lacks (because the token may see it only now) is read. With the ids come the
//! time of update and the few things that change without a new one: address, number of comments, labels,
//! milestone, head pipeline. A row in which they differ is read too. Each stretch is a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use mergemind_shared::warehouse::{Sweep, Within};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::{Context, lock};
use super::lists::{ISSUES, List, MERGE_REQUESTS, Which, Window, fetch, next_of, nodes_of, path_of};
use super::page_size::{LARGEST_PAGE, PageSize, Parts};
use super::passes::Step;
use super::position::{Pass, Pending, Position};
use super::rows::Rows;
use super::sink::mark_of;
use super::{Error, Scope, by_iids, hidden, pipelines, users};
use crate::gitlab;
use crate::streams::{Node, Stream, gid};

/// Pages of ids that make a stretch.
const PAGES: usize = 50;
/// Lists of pipelines in one request: each costs 18 of GitLab's 250.
const PROJECTS_AT_ONCE: usize = 12;
/// Such requests at once.
const REQUESTS: usize = 4;
/// After any time that GitLab can hold: the end of the year 9999, in microseconds.
const FOREVER: i64 = 253_402_300_799_000_000;

/// Does the next part.
pub async fn step<'a>(context: &Context<'a>, scope: &Scope, position: &Position) -> Result<Step<'a>, Error> {
    let mut pass = position.pass_from(context.instance.at);
    let mut rows = Rows::default();
    let projects = projects_of(context, scope).await?;
    let part = pass.part.take().unwrap_or_else(|| "projects".to_owned());
    let next = match part.as_str() {
        "projects" => {
            refresh_users(context, &mut rows).await?;
            reconcile_projects(context, scope, &projects, &mut rows).await?;
            "merge_requests"
        }
        "merge_requests" => {
            let done = reconcile_list(context, &MERGE_REQUESTS, scope, &projects, &mut pass, &mut rows).await?;
            if done { "issues" } else { "merge_requests" }
        }
        "issues" => {
            let done = reconcile_list(context, &ISSUES, scope, &projects, &mut pass, &mut rows).await?;
            if done {
                pass.pending = projects.values().map(|path| pending(path)).collect();
            }
            if done { "pipelines" } else { "issues" }
        }
        "pipelines" if !pass.pending.is_empty() && context.on("pipelines") => {
            reconcile_pipelines(context, scope, &mut pass, &mut rows).await?;
            "pipelines"
        }
        _ => {
            pass.pending.clear();
            mark_children(context, &mut rows);
            pass.listed = true;
            "done"
        }
    };
    pass.part = Some(next.to_owned());
    Ok(Step {
        rows,
        next: position.advanced(pass, std::time::Duration::ZERO),
    })
}

/// The projects of a scope, by id, with their full paths; asked once in a sync.
pub async fn projects_of(context: &Context<'_>, scope: &Scope) -> Result<BTreeMap<i64, String>, Error> {
    if let Some(known) = lock(&context.projects).get(&scope.to_string()) {
        return Ok(known.clone());
    }
    let mut found = BTreeMap::new();
    let mut take = |nodes: Vec<Json>| {
        for node in nodes {
            if let (Some(id), Some(path)) = (Node::new(&node).number("id"), node["fullPath"].as_str()) {
                found.insert(id, path.to_owned());
            }
        }
    };
    match scope {
        Scope::Project(path) => {
            let query = "query IdOfProject($path: ID!) { scope: project(fullPath: $path) { id fullPath } }";
            let mut reply = context.client.ask("reconcile", query, json!({"path": path})).await?;
            match reply.data["scope"].take() {
                Json::Null => return Err(gitlab::Error::ScopeNotFound(scope.to_string()).into()),
                node => take(vec![node]),
            }
        }
        Scope::Group(path) => {
            let query = "query IdsOfProjects($path: ID!, $first: Int!, $after: String) { scope: group(fullPath: $path) { projects(includeSubgroups: true, includeArchived: true, first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { id fullPath } } } }";
            let size = PageSize::new(LARGEST_PAGE);
            let mut after: Option<String> = None;
            loop {
                let variables = json!({"path": path, "after": after});
                let mut reply = context.ask_page("reconcile", query, variables, &size).await?;
                let mut group = reply.data["scope"].take();
                if group.is_null() {
                    return Err(gitlab::Error::ScopeNotFound(scope.to_string()).into());
                }
                take(nodes_of(&mut group["projects"]));
                after = next_of(&group["projects"]);
                if after.is_none() {
                    break;
                }
            }
        }
    }
    lock(&context.projects).insert(scope.to_string(), found.clone());
    Ok(found)
}

/// Users are read when rows refer to them, so those of old rows would never change.
async fn refresh_users<'a>(context: &Context<'a>, rows: &mut Rows<'a>) -> Result<(), Error> {
    let all = Sweep {
        table: &context.streams.named("users").table,
        within: Vec::new(),
        present: Vec::new(),
    };
    let ids = context.sink.would_mark(&all).await?;
    Ok(users::add_these(context, ids, rows).await?)
}

/// A project that is no longer in the group has either moved, and then its row tells where, or is gone.
async fn reconcile_projects<'a>(
    context: &Context<'a>,
    scope: &Scope,
    projects: &BTreeMap<i64, String>,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let Scope::Group(path) = scope else { return Ok(()) };
    let stream = context.streams.named("projects");
    let mut sweep = Sweep {
        table: &stream.table,
        within: vec![Within::Below("full_path", path.clone())],
        present: projects.keys().copied().collect(),
    };
    let mut gone = context.sink.would_mark(&sweep).await?;
    let query = format!(
        "query ProjectsByIds($ids: [ID!]) {{ projects(ids: $ids, first: {LARGEST_PAGE}) {{ nodes {{ {} }} }} }}",
        context.selection(stream)
    );
    let mut moved = Vec::new();
    let mut parts = Parts::of(&gone, LARGEST_PAGE as usize);
    while let Some(ids) = parts.next() {
        let gids: Vec<String> = ids.iter().map(|id| gid("Project", *id)).collect();
        let mut reply = match context.client.ask("projects", &query, json!({"ids": gids})).await {
            Ok(reply) => reply,
            Err(error) => {
                parts.halve(ids, error)?;
                continue;
            }
        };
        for node in nodes_of(&mut reply.data["projects"]) {
            moved.extend(Node::new(&node).number("id"));
            rows.map(stream, &node);
        }
    }
    gone.retain(|id| !moved.contains(id));
    (sweep.within, sweep.present) = (vec![Within::OneOf("id", gone)], Vec::new());
    rows.sweeps.push(sweep);
    Ok(())
}

/// Compares a stretch of a list; tells whether it was the last one.
async fn reconcile_list<'a>(
    context: &Context<'a>,
    list: &'static List,
    scope: &Scope,
    projects: &BTreeMap<i64, String>,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<bool, Error> {
    if !context.on(list.stream) {
        return Ok(true);
    }
    let from = pass.read_until;
    let (nodes, until) = stretch(context, list, scope, pass, from).await?;
    let within = |node: &&Json| until.is_none_or(|until| time_of(node, "createdAt").is_some_and(|at| at < until));
    let present: Vec<(i64, &Json)> = nodes
        .iter()
        .filter(within)
        .filter_map(|node| Some((Node::new(node).number("id")?, node)))
        .collect();
    let ids: Vec<i64> = present.iter().map(|(id, _)| *id).collect();
    let seen = context.sink.seen(list.stream, &ids).await?;
    let mut wanted = by_iids::Wanted::new();
    for (id, node) in &present {
        if seen.get(id).is_some_and(|mark| *mark == mark_of(list.stream, node)) {
            continue;
        }
        let in_time = context
            .options
            .start_date
            .is_none_or(|start| time_of(node, "updatedAt").is_none_or(|at| at >= start));
        let iid = node["iid"].as_str().and_then(|iid| iid.parse().ok());
        if let (true, Some(iid), Some(path)) = (in_time, iid, path_of(context, node)) {
            wanted.entry(path).or_default().insert(iid);
        }
    }
    by_iids::add(context, list, &wanted, rows).await?;
    let micros = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(FOREVER);
    rows.sweeps.push(Sweep {
        table: &context.streams.named(list.stream).table,
        within: vec![
            Within::Times("created_at", from.map_or(0, micros), until.map_or(FOREVER, micros)),
            Within::OneOf("project_id", projects.keys().copied().collect()),
        ],
        present: ids,
    });
    pass.read_until = until;
    Ok(until.is_none())
}

/// The ids of a stretch of a list, and where it ends: all that was created before is among them. GitLab
/// prints whole seconds, so a stretch ends between two of them.
async fn stretch(
    context: &Context<'_>,
    list: &'static List,
    scope: &Scope,
    pass: &Pass,
    from: Option<OffsetDateTime>,
) -> Result<(Vec<Json>, Option<OffsetDateTime>), gitlab::Error> {
    let mut window = Window {
        from,
        ..Window::default()
    };
    let mut nodes: Vec<Json> = Vec::new();
    for pages in 1.. {
        let mut page = fetch(context, list, Which::Ids, scope, &window).await?;
        if page.is_dead_end() {
            (page, window.from) = hidden::pass_by(context, list, Which::Ids, scope, &window, pass.started_at).await?;
        }
        nodes.append(&mut page.nodes);
        window.after = page.end;
        if !page.has_next {
            break;
        }
        let last = nodes.iter().filter_map(|node| time_of(node, "createdAt")).max();
        if pages >= PAGES && last > from {
            return Ok((nodes, last));
        }
    }
    Ok((nodes, None))
}

/// Compares some pages of pipelines: GitLab lists them by descending id.
async fn reconcile_pipelines<'a>(
    context: &Context<'a>,
    scope: &Scope,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let now: Vec<Pending> = pass
        .pending
        .drain(..pass.pending.len().min(PROJECTS_AT_ONCE * REQUESTS))
        .collect();
    let replies = try_join_all(
        now.chunks(PROJECTS_AT_ONCE)
            .map(|chunk| ids_of_pipelines(context, chunk)),
    )
    .await?;
    let (mut ranges, mut present, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (pending, mut project) in now.into_iter().zip(replies.into_iter().flatten()) {
        let Some(id) = Node::new(&project).number("id") else {
            continue;
        };
        let info = project["pipelines"]["pageInfo"].take();
        let nodes = nodes_of(&mut project["pipelines"]);
        let ids: Vec<i64> = nodes.iter().filter_map(|node| Node::new(node).number("id")).collect();
        let more = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true);
        let lowest = ids.iter().min().copied();
        let from = if more.is_some() { lowest.unwrap_or(i64::MAX) } else { 0 };
        ranges.push((id, from, pending.below.map_or(i64::MAX, |below| below - 1)));
        present.extend(ids);
        told.extend(nodes.into_iter().map(|node| (pending.path.clone(), node)));
        if let Some(end) = more {
            pass.pending.push(Pending {
                after: Some(end.to_owned()),
                below: lowest.or(pending.below),
                ..pending
            });
        }
    }
    let seen = context.sink.seen("pipelines", &present).await?;
    let as_it_is = |node: &Json| {
        let id = Node::new(node).number("id");
        id.and_then(|id| seen.get(&id))
            .is_some_and(|mark| *mark == mark_of("pipelines", node))
    };
    let in_time = |node: &Json| {
        let start = context.options.start_date;
        start.is_none_or(|start| time_of(node, "updatedAt").is_none_or(|at| at >= start))
    };
    let differing = told.iter().filter(|(_, node)| in_time(node) && !as_it_is(node));
    let projects: BTreeSet<&String> = differing.map(|(path, _)| path).collect();
    for path in projects {
        pipelines::add_all_of(context, scope, path, rows).await?;
    }
    rows.sweeps.push(Sweep {
        table: &context.streams.named("pipelines").table,
        within: vec![Within::IdsOf("project_id", ranges)],
        present,
    });
    Ok(())
}

async fn ids_of_pipelines(context: &Context<'_>, chunk: &[Pending]) -> Result<Vec<Json>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    for (index, pending) in chunk.iter().enumerate() {
        parameters.push_str(&format!("$p{index}: ID!, $c{index}: String, "));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ id pipelines(first: $first, after: $c{index}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ id status updatedAt }} }} }} "
        ));
        variables.insert(format!("p{index}"), json!(pending.path));
        variables.insert(format!("c{index}"), json!(pending.after));
    }
    let query = format!("query IdsOfPipelines({parameters}$first: Int!) {{ {fields} }}");
    let size = PageSize::new(LARGEST_PAGE);
    let variables = Json::Object(variables);
    let mut reply = context.ask_page("pipelines", &query, variables, &size).await?;
    Ok((0..chunk.len())
        .map(|index| reply.data[format!("a{index}")].take())
        .collect())
}

/// What belongs to something that is gone is gone too.
fn mark_children<'a>(context: &Context<'a>, rows: &mut Rows<'a>) {
    for (column, parent) in PARENTS {
        for stream in context.streams.all().filter(|stream| context.on(stream.name())) {
            if stream.name() != parent && context.on(parent) && parents_of(stream).any(|known| known == column) {
                rows.sweeps.push(Sweep {
                    table: &stream.table,
                    within: vec![Within::ParentGone(column, parent)],
                    present: Vec::new(),
                });
            }
        }
    }
}

/// Columns that name a parent, and the parents' streams, from above to below: what is marked on the way
/// reaches its own children too.
const PARENTS: [(&str, &str); 5] = [
    ("group_id", "groups"),
    ("project_id", "projects"),
    ("epic_id", "epics"),
    ("merge_request_id", "merge_requests"),
    ("issue_id", "issues"),
];

/// The columns that name a row's nearest parents: not the project of what belongs to a merge request.
fn parents_of(stream: &Stream) -> impl Iterator<Item = &'static str> {
    let has = |column: &str| stream.table.position(column).is_some();
    let columns = PARENTS.map(|(column, _)| column);
    let below = columns[2..].iter().any(|column| has(column));
    let nearest = if below { 2 } else { 0 };
    columns.into_iter().skip(nearest).filter(move |column| has(column))
}

fn pending(path: &str) -> Pending {
    Pending {
        path: path.to_owned(),
        all: true,
        ..Pending::default()
    }
}

fn time_of(node: &Json, field: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(node[field].as_str()?, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::Streams;

    #[test]
    fn rows_have_their_nearest_parents() {
        let streams = Streams::new();
        let of = |name| Vec::from_iter(parents_of(streams.named(name)));
        assert_eq!(of("labels"), ["group_id", "project_id"]);
        assert_eq!(of("mr_notes"), ["merge_request_id"]);
        assert_eq!(of("epic_issues"), ["epic_id", "issue_id"]);
        assert_eq!(of("group_members"), ["group_id"]);
        assert_eq!(of("jobs"), ["project_id"]);
    }
}
