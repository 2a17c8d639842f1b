//! The pass over projects. Each project's row is read in every sync, with one question whether it has
//! pipelines that changed; those pipelines are read next.
//!
//! The list's pages stay where they are from one sync to the next, so several are asked for in one
//! request, and what does not fit together is read again from there, page by page. A page with other
//! projects than last time may hold one that came into the scope with a past: it is read from its beginning.

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use xxhash_rust::xxh3::Xxh3;

use super::context::{Context, lock};
use super::lists::{ISSUES, List, MERGE_REQUESTS, Which, Window, fetch, nodes_of, take};
use super::passes::Step;
use super::position::{Backfill, KnownPage, Pass, Pending, Position};
use super::rows::Rows;
use super::{Error, Scope, pipelines};
use crate::gitlab;
use crate::streams::Node;

/// Pages in one request: each costs about 60 of GitLab's 250.
const PAGES_AT_ONCE: usize = 4;

/// A page of the list.
struct Page {
    nodes: Vec<Json>,
    after: Option<String>,
    end: Option<String>,
    has_next: bool,
}

/// Reads the next pages of projects, or of pipelines, or of a project that is new to the scope.
pub async fn step<'a>(context: &Context<'a>, scope: &Scope, position: &Position) -> Result<Step<'a>, Error> {
    let mut pass = position.pass_from(context.instance.at);
    let mut rows = Rows::default();
    if !pass.pending.is_empty() {
        pipelines::next(context, scope, position, &mut pass, &mut rows).await?;
    } else if !pass.listed {
        next_projects(context, scope, position, &mut pass, &mut rows).await?;
    } else {
        next_of_a_new_project(context, &mut pass, &mut rows).await?;
    }
    Ok(Step {
        rows,
        next: position.advanced(pass, context.options.overlap),
    })
}

async fn next_projects<'a>(
    context: &Context<'a>,
    scope: &Scope,
    position: &Position,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    for page in next_pages(context, scope, position, pass).await? {
        let known = KnownPage {
            hash: hash_of(&page.nodes),
            after: page.after,
        };
        if position.updated_after.is_some() && !position.pages.contains(&known) {
            find_new(context, position, &page.nodes, pass).await?;
        }
        pass.pages.push(known);
        // Without a cursor there is no way on, and asking again would never end.
        pass.listed = !page.has_next || page.end.is_none();
        pass.after = page.end;
        for project in page.nodes {
            rows.map(context.streams.named("projects"), &project);
            let (Some(id), Some(path)) = (Node::new(&project).number("id"), project["fullPath"].as_str()) else {
                continue;
            };
            context.learn_path(id, path);
            if is_active(&project, position) {
                let mut active = lock(&context.active);
                active.entry(scope.to_string()).or_default().insert(id);
            }
            let moved = project["pipelines"]["nodes"]
                .as_array()
                .is_some_and(|nodes| !nodes.is_empty());
            if moved && !pass.pending.iter().any(|pending| pending.path == path) {
                pass.pending.push(pending(path, false));
            }
        }
    }
    Ok(())
}

/// Whether something may have happened in a project: GitLab moves the time of its last activity once in
/// an hour at most.
fn is_active(project: &Json, position: &Position) -> bool {
    let Some(since) = position.updated_after else {
        return true;
    };
    let time = |field: &str| OffsetDateTime::parse(project[field].as_str()?, &Rfc3339).ok();
    let since = since - time::Duration::minutes(70);
    let pipelines = project["pipelines"]["nodes"]
        .as_array()
        .is_some_and(|nodes| !nodes.is_empty());
    pipelines
        || ["lastActivityAt", "updatedAt"]
            .iter()
            .any(|field| time(field).is_none_or(|at| at >= since))
}

/// Projects that the warehouse does not have although they are older than the last sync, or has under
/// another path: then the address of everything in them is another one.
async fn find_new(context: &Context<'_>, position: &Position, nodes: &[Json], pass: &mut Pass) -> Result<(), Error> {
    let ids: Vec<i64> = nodes.iter().filter_map(|node| Node::new(node).number("id")).collect();
    let seen = context.sink.seen("projects", &ids).await?;
    for node in nodes {
        let (Some(id), Some(path)) = (Node::new(node).number("id"), node["fullPath"].as_str()) else {
            continue;
        };
        let created = node["createdAt"].as_str();
        let created = created.and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
        let old = created.is_none_or(|created| position.updated_after.is_some_and(|since| created < since));
        let whole = match seen.get(&id) {
            None => old,
            Some(before) => before != path,
        };
        if !whole {
            continue;
        }
        tracing::info!(
            project = path,
            "a project moved, or came into the scope; reading it from its beginning"
        );
        if context.on("pipelines") {
            pass.pending.push(pending(path, true));
        }
        for list in [&MERGE_REQUESTS, &ISSUES].iter().filter(|list| context.on(list.stream)) {
            pass.backfill.push(Backfill {
                path: path.to_owned(),
                stream: list.stream.to_owned(),
                after: None,
            });
        }
    }
    Ok(())
}

/// One page of a list of the first project that is to be read from its beginning.
async fn next_of_a_new_project<'a>(context: &Context<'a>, pass: &mut Pass, rows: &mut Rows<'a>) -> Result<(), Error> {
    let Some(mut now) = (!pass.backfill.is_empty()).then(|| pass.backfill.remove(0)) else {
        return Ok(());
    };
    let list: &'static List = if now.stream == ISSUES.stream {
        &ISSUES
    } else {
        &MERGE_REQUESTS
    };
    let window = Window {
        after: now.after.clone(),
        from: context.options.start_date,
        until: None,
    };
    let page = match fetch(
        context,
        list,
        Which::Updated,
        &Scope::Project(now.path.clone()),
        &window,
    )
    .await
    {
        Ok(page) => page,
        // It has moved on meanwhile.
        Err(gitlab::Error::ScopeNotFound(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    take(context, list, page.nodes, rows);
    if let Some(end) = page.end.filter(|_| page.has_next) {
        now.after = Some(end);
        pass.backfill.insert(0, now);
    }
    Ok(())
}

fn pending(path: &str, all: bool) -> Pending {
    Pending {
        path: path.to_owned(),
        all,
        ..Pending::default()
    }
}

/// Reads as many pages as are known to follow each other, and returns those that do.
async fn next_pages(
    context: &Context<'_>,
    scope: &Scope,
    position: &Position,
    pass: &Pass,
) -> Result<Vec<Page>, gitlab::Error> {
    let mut at_once = PAGES_AT_ONCE;
    loop {
        let place = position.pages.iter().position(|page| page.after == pass.after);
        let mut starts: Vec<Option<String>> = match place {
            Some(place) => position.pages[place..]
                .iter()
                .take(at_once)
                .map(|page| page.after.clone())
                .collect(),
            None => vec![pass.after.clone()],
        };
        if matches!(scope, Scope::Project(_)) {
            starts.truncate(1);
        }
        let size = context.page("projects");
        let asked = size.get();
        match ask(context, scope, position, &starts, asked).await {
            Ok(mut pages) => {
                size.grow();
                let follow = pages
                    .windows(2)
                    .take_while(|pair| pair[0].has_next && pair[0].end == pair[1].after);
                let whole = follow.count() + 1;
                pages.truncate(whole);
                return Ok(pages);
            }
            Err(gitlab::Error::TooComplex(_) | gitlab::Error::TooMuch(_)) if starts.len() > 1 => {
                at_once = starts.len() / 2;
            }
            Err(error) if size.shrink(asked, &error) => {}
            Err(error) => return Err(error),
        }
    }
}

async fn ask(
    context: &Context<'_>,
    scope: &Scope,
    position: &Position,
    starts: &[Option<String>],
    first: u32,
) -> Result<Vec<Page>, gitlab::Error> {
    let mut node = context.selection(context.streams.named("projects"));
    let since = position.updated_after.or(context.options.start_date);
    let mut variables = Map::new();
    variables.insert("path".into(), json!(scope.path()));
    let mut declared = "$path: ID!".to_owned();
    if context.on("pipelines") {
        node.push_str(" pipelines(updatedAfter: $since, first: 1) { nodes { id } }");
        declared.push_str(", $since: Time");
        variables.insert("since".into(), json!(since.and_then(|at| at.format(&Rfc3339).ok())));
    }
    if let Scope::Project(_) = scope {
        let query = format!("query Project({declared}) {{ scope: project(fullPath: $path) {{ {node} }} }}");
        let mut reply = context.client.ask("projects", &query, Json::Object(variables)).await?;
        let project = reply.data["scope"].take();
        if project.is_null() {
            return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
        }
        return Ok(vec![Page {
            nodes: vec![project],
            after: None,
            end: None,
            has_next: false,
        }]);
    }
    variables.insert("first".into(), json!(first));
    let mut fields = String::new();
    for (index, after) in starts.iter().enumerate() {
        declared.push_str(&format!(", $c{index}: String"));
        variables.insert(format!("c{index}"), json!(after));
        fields.push_str(&format!(
            "p{index}: projects(includeSubgroups: true, includeArchived: true, first: $first, after: $c{index}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} "
        ));
    }
    let query =
        format!("query Projects({declared}, $first: Int!) {{ scope: group(fullPath: $path) {{ id {fields} }} }}");
    let mut reply = context.client.ask("projects", &query, Json::Object(variables)).await?;
    let mut found = reply.data["scope"].take();
    if found.is_null() {
        return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
    }
    let page = |(index, after): (usize, &Option<String>)| {
        let mut connection = found[format!("p{index}")].take();
        let info = connection.get_mut("pageInfo").map(Json::take).unwrap_or_default();
        Page {
            nodes: nodes_of(&mut connection),
            after: after.clone(),
            end: info["endCursor"].as_str().map(ToOwned::to_owned),
            has_next: info["hasNextPage"] == true,
        }
    };
    Ok(starts.iter().enumerate().map(page).collect())
}

/// Hash of the projects on a page and their paths, whatever else about them changes.
fn hash_of(nodes: &[Json]) -> u32 {
    let mut hash = Xxh3::new();
    for node in nodes {
        for field in ["id", "fullPath"] {
            hash.update(node[field].as_str().unwrap_or_default().as_bytes());
            hash.update(b" ");
        }
    }
    (hash.digest() >> 32) as u32
}
