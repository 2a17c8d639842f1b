//! Lists of single projects: of several projects in each request.
//!
//! One cheap question tells in which of them anything has changed. Of those, a few rows each come with one request,
//! and a project with more of them goes on in a slice of its own. The pass goes through the projects by their ids, so
//! its cursor holds only how far it came.

use serde_json::json;
use time::OffsetDateTime;

use crate::gitlab::{self, PageSize, Parts, gid, nodes_of, text_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::lock::lock;
use crate::sync::read::list_request::{Page, Reading, Which, Window, bounds, declared, node, variables};
use crate::sync::read::nodes::map_nodes;
use crate::sync::read::slices;
use crate::sync::rows::Rows;
use crate::sync::scope::Projects;
use crate::sync::session::{IDS, Session};
use crate::sync::state::{Pass, Position, Slice};

/// Projects in a request for rows.
const AT_ONCE: usize = 10;
/// Projects in a question whether anything has changed in them.
const ASKED_AT_ONCE: usize = 100;
/// Such questions in one request: each costs 18 of GitLab's 250.
const QUESTIONS: usize = 12;

/// Reads the next rows of a list of these projects, with all that belongs to them.
pub async fn next<'a>(
    reading: Reading<'_, 'a>,
    projects: &Projects,
    position: &Position,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let Reading { session, which, .. } = reading;
    let since = position.updated_after.or(session.options.start_date);
    let from = since.filter(|_| which == Which::Updated);
    // What an earlier pass could not read.
    for failed in pass.pending.drain(..) {
        pass.slices.push(Slice {
            project: failed.of.map(|(id, _)| id),
            from: failed.since.or(session.options.start_date),
            ..Slice::default()
        });
    }
    if pass.slices.is_empty() {
        let begun: i64 = pass.after.as_ref().and_then(|id| id.parse().ok()).unwrap_or_default();
        let wanted = match position.updated_after.filter(|_| which == Which::Updated) {
            Some(since) => changed(reading, projects, since, pass.started_at, begun).await?,
            None => projects.paths.keys().copied().collect(),
        };
        let now: Vec<i64> = wanted.into_iter().filter(|id| *id > begun).take(AT_ONCE).collect();
        pass.after = now.last().map(i64::to_string).or(pass.after.take());
        match now[..] {
            [] => pass.listed = true,
            // The whole page for it.
            [only] => pass.slices.push(slice(only, from, None)),
            _ => first_rows(reading, &now, from, pass, rows).await?,
        }
    }
    if !pass.slices.is_empty() {
        slices::next(reading, pass, rows).await?;
    }
    Ok(())
}

fn slice(project: i64, from: Option<OffsetDateTime>, after: Option<String>) -> Slice {
    Slice {
        project: Some(project),
        from,
        after,
        until: None,
    }
}

/// Reads some rows of each of these projects; those with more become slices. If GitLab fails at them together, each is
/// read alone.
async fn first_rows<'a>(
    reading: Reading<'_, 'a>,
    ids: &[i64],
    from: Option<OffsetDateTime>,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let Reading {
        session,
        list,
        which,
        scope,
    } = reading;
    let window = Window {
        from,
        ..Window::default()
    };
    let found = match first_pages(session, list, which, ids, &window).await {
        Ok(found) => found,
        Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
        Err(error) => {
            tracing::warn!(%scope, "{error}; asking for each project alone");
            pass.slices.extend(ids.iter().map(|id| slice(*id, from, None)));
            return Ok(());
        }
    };
    for (project, page) in found {
        // From a page that is hidden whole there is no way on but by time, which the slice knows.
        if page.has_next {
            pass.slices.push(slice(project, from, page.end));
        }
        map_nodes(session, list, page.nodes, rows);
    }
    Ok(())
}

/// The first page of each project's list; projects that GitLab does not show are passed over.
pub async fn first_pages(
    session: &Session<'_>,
    list: &'static List,
    which: Which,
    ids: &[i64],
    window: &Window,
) -> Result<Vec<(i64, Page)>, gitlab::Error> {
    let (name, node) = node(session, list, which);
    let query = format!(
        "query {name}{}OfProjects($ids: [ID!], $projects: Int!, $first: Int!{}) {{ projects(ids: $ids, first: $projects) {{ nodes {{ id {}(first: $first, {}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} }} }} }}",
        list.operation,
        declared(which),
        list.field,
        bounds(which, "$from", "$until"),
    );
    let rows = match which {
        Which::Ids => session.page(IDS).get(),
        Which::Updated | Which::Open => session.rows_of_each,
    };
    let size = PageSize::new(rows);
    let mut found = Vec::new();
    let mut parts = Parts::of(ids, ids.len());
    while let Some(part) = parts.next() {
        let gids: Vec<String> = part.iter().map(|id| gid("Project", *id)).collect();
        let mut variables = variables(which, window);
        variables["ids"] = json!(gids);
        variables["projects"] = json!(part.len());
        variables["first"] = json!(size.get());
        let mut reply = match session.client.ask(list.stream, &query, variables).await {
            Ok(reply) => reply,
            Err(error) if part.len() == 1 && size.shrink(size.get(), &error) => {
                parts.again(part);
                continue;
            }
            Err(error) => {
                parts.halve(part, error)?;
                continue;
            }
        };
        for mut project in nodes_of(&mut reply.data["projects"]) {
            if let Some(id) = Node::new(&project).number("id") {
                found.push((id, Page::of(&mut project[list.field])));
            }
        }
    }
    found.sort_unstable_by_key(|(id, _)| *id);
    Ok(found)
}

/// The projects, from the one after `begun` on, in which a list has changed; asked once in a pass.
async fn changed(
    reading: Reading<'_, '_>,
    projects: &Projects,
    since: OffsetDateTime,
    started_at: OffsetDateTime,
    begun: i64,
) -> Result<Vec<i64>, gitlab::Error> {
    let Reading {
        session, list, scope, ..
    } = reading;
    let asked = (list.stream, scope.to_string(), started_at);
    if let Some(known) = lock(&session.changed).get(&asked) {
        return Ok(known.clone());
    }
    let ids: Vec<i64> = projects.paths.keys().copied().filter(|id| *id > begun).collect();
    let mut found = Vec::new();
    let mut parts = Parts::of(&ids, ASKED_AT_ONCE * QUESTIONS);
    while let Some(part) = parts.next() {
        match ask_for_changes(session, list, part, since).await {
            Ok(changed) => found.extend(changed),
            Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error),
            Err(_) if part.len() > ASKED_AT_ONCE => parts.split(part, ASKED_AT_ONCE),
            // They are read as if they had: then it shows which of them can't be.
            Err(error) => {
                tracing::warn!("{error}; taking {} projects for changed", part.len());
                found.extend(part);
            }
        }
    }
    found.sort_unstable();
    lock(&session.changed).insert(asked, found.clone());
    Ok(found)
}

async fn ask_for_changes(
    session: &Session<'_>,
    list: &'static List,
    ids: &[i64],
    since: OffsetDateTime,
) -> Result<Vec<i64>, gitlab::Error> {
    let (mut parameters, mut fields) = (String::new(), String::new());
    let mut variables = json!({"since": text_of(since)});
    for (index, part) in ids.chunks(ASKED_AT_ONCE).enumerate() {
        let gids: Vec<String> = part.iter().map(|id| gid("Project", *id)).collect();
        parameters.push_str(&format!(", $i{index}: [ID!]"));
        fields.push_str(&format!(
            "a{index}: projects(ids: $i{index}, first: {ASKED_AT_ONCE}) {{ nodes {{ id {}(updatedAfter: $since, first: 1) {{ pageInfo {{ hasNextPage }} nodes {{ id }} }} }} }} ",
            list.field
        ));
        variables[format!("i{index}")] = json!(gids);
    }
    let query = format!(
        "query Changed{}($since: Time{parameters}) {{ {fields} }}",
        list.operation
    );
    let mut reply = session.client.ask(list.stream, &query, variables).await?;
    let mut changed = Vec::new();
    for index in 0..ids.len().div_ceil(ASKED_AT_ONCE) {
        for mut project in nodes_of(&mut reply.data[format!("a{index}")]) {
            let Page { nodes, has_next, .. } = Page::of(&mut project[list.field]);
            // A row that the token may not see is taken out after the page was cut.
            if !nodes.is_empty() || has_next {
                changed.extend(Node::new(&project).number("id"));
            }
        }
    }
    Ok(changed)
}
