//! Compares lists of merge requests and issues, a stretch at a time.

use std::collections::BTreeMap;

use mergemind_shared::warehouse::{SoftDelete, Within};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::gitlab::{self, Owner, Page, time_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::read::list_request::{Which, Window, fetch};
use crate::sync::read::{changes_by_project, lookup};
use crate::sync::rows::Rows;
use crate::sync::scope::{Projects, Scope};
use crate::sync::session::Session;
use crate::sync::state::IdsProgress;

/// Pages of ids that make a stretch.
const PAGES: usize = 50;
/// Single projects that are compared at once, if the list of each fits a page.
const PROJECTS: usize = 20;
/// After any time that GitLab can hold: the end of the year 9999, in microseconds.
const FOREVER: i64 = 253_402_300_799_000_000;

/// Compares a stretch of a list; tells whether it was the last one.
pub async fn compare<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    projects: &BTreeMap<i64, String>,
    progress: &mut IdsProgress,
    rows: &mut Rows<'a>,
) -> Result<bool, Error> {
    if !session.on(list.stream) {
        return Ok(true);
    }
    let path = match scope {
        Scope::Group(path) => path,
        Scope::Projects(projects) => return compare_projects(session, list, scope, projects, progress, rows).await,
    };
    let from = progress.compared_until;
    let (page, until) = stretch(session, list, Owner::Group(path.clone()), from).await?;
    session.warn_left_out(scope, &page.left_out);
    let owners = projects.keys().copied().collect();
    compare_nodes(session, list, (from, until), owners, &page, rows).await?;
    progress.compared_until = until;
    Ok(until.is_none())
}

/// Compares the next projects that fit a page each, or a stretch of one that does not.
async fn compare_projects<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    projects: &Projects,
    progress: &mut IdsProgress,
    rows: &mut Rows<'a>,
) -> Result<bool, Error> {
    let (ids, more) = projects.after(progress.last_project, PROJECTS);
    let Some(first) = ids.first().copied() else {
        progress.last_project = None;
        return Ok(true);
    };
    if progress.compared_until.is_none() {
        let fitting = fitting(session, list, &ids).await?;
        let done = fitting.len();
        if done > 0 {
            let shown = fitting.iter().flatten();
            let owners = shown.clone().map(|(id, _)| *id).collect();
            let mut all = Page::default();
            fitting.into_iter().flatten().for_each(|(_, page)| all.append(page));
            session.warn_left_out(scope, &all.left_out);
            compare_nodes(session, list, (None, None), owners, &all, rows).await?;
            progress.last_project = ids.get(done - 1).copied();
            let last = done == ids.len() && !more;
            progress.last_project = progress.last_project.filter(|_| !last);
            return Ok(last);
        }
    }
    let from = progress.compared_until;
    progress.compared_until = match stretch(session, list, Owner::Project(first), from).await {
        Ok((page, until)) => {
            session.warn_left_out(scope, &page.left_out);
            compare_nodes(session, list, (from, until), vec![first], &page, rows).await?;
            until
        }
        // It was deleted, or is hidden by now.
        Err(gitlab::Error::ScopeNotFound(_)) => None,
        Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
        Err(error) => {
            session.warn(
                scope,
                &format!("looking for what is gone in the project {first}"),
                &error.into(),
            );
            None
        }
    };
    if progress.compared_until.is_some() {
        return Ok(false);
    }
    let last = ids.len() == 1 && !more;
    progress.last_project = Some(first).filter(|_| !last);
    Ok(last)
}

/// The lists of the first of these projects, as long as they fit a page; `None` where GitLab shows no project. Empty if
/// the first does not fit, or GitLab fails at it.
async fn fitting(
    session: &Session<'_>,
    list: &'static List,
    ids: &[i64],
) -> Result<Vec<Option<(i64, Page)>>, gitlab::Error> {
    let pages = changes_by_project::first_pages(session, list, Which::Ids, ids, &Window::default()).await?;
    let mut found = Vec::new();
    for (id, page) in ids.iter().zip(pages) {
        match page {
            Ok(page) if !page.has_next => found.push(Some((*id, page))),
            Err(gitlab::Error::ScopeNotFound(_)) => found.push(None),
            Ok(_) | Err(_) => break,
        }
    }
    Ok(found)
}

/// Compares what was created within these bounds in these projects: `page` holds all that GitLab shows of it, and maybe
/// more.
async fn compare_nodes<'a>(
    session: &Session<'a>,
    list: &'static List,
    (from, until): (Option<OffsetDateTime>, Option<OffsetDateTime>),
    projects: Vec<i64>,
    page: &Page,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let within = |node: &&Json| until.is_none_or(|until| time_of(node, "createdAt").is_some_and(|at| at < until));
    let present: Vec<(i64, &Json)> = page
        .nodes
        .iter()
        .filter(within)
        .filter_map(|node| Some((Node::new(node).number("id")?, node)))
        .collect();
    // What GitLab fails at is there.
    let left_out = page
        .left_out
        .iter()
        .filter_map(|left_out| Node::new(&left_out.row).number("id"));
    let ids: Vec<i64> = present.iter().map(|(id, _)| *id).chain(left_out).collect();
    let stream = session.streams.named(list.stream);
    let seen = session.tables.fingerprints(stream, &ids).await?;
    let mut wanted = lookup::Wanted::new();
    for (id, node) in &present {
        if seen.get(id).is_some_and(|known| *known == stream.fingerprint_of(node)) {
            continue;
        }
        let in_time = session
            .options
            .start_date
            .is_none_or(|start| time_of(node, "updatedAt").is_none_or(|at| at >= start));
        let iid = node["iid"].as_str().and_then(|iid| iid.parse().ok());
        if let (true, Some(iid), Some(path)) = (in_time, iid, session.path_of(node)) {
            wanted.entry(path).or_default().insert(iid);
        }
    }
    lookup::add(session, list, &wanted, rows).await?;
    let micros = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(FOREVER);
    rows.soft_deletes.push(SoftDelete {
        table: &stream.table,
        within: vec![
            Within::Times("created_at", from.map_or(0, micros), until.map_or(FOREVER, micros)),
            Within::OneOf("project_id", projects),
        ],
        present: ids,
    });
    Ok(())
}

/// The ids of a stretch of a list, and where it ends: all that was created before is among them. GitLab
/// prints whole seconds, so a stretch ends between two of them.
async fn stretch(
    session: &Session<'_>,
    list: &'static List,
    owner: Owner,
    from: Option<OffsetDateTime>,
) -> Result<(Page, Option<OffsetDateTime>), gitlab::Error> {
    let mut window = Window {
        from,
        ..Window::default()
    };
    let mut found = Page::default();
    for pages in 1.. {
        let (page, read_until) = fetch(session, list, Which::Ids, owner.clone(), &window).await?;
        window.from = read_until.or(window.from);
        found.append(page);
        window.after.clone_from(&found.end);
        if !found.has_next {
            break;
        }
        let last = found.nodes.iter().filter_map(|node| time_of(node, "createdAt")).max();
        if pages >= PAGES && last > from {
            return Ok((found, last));
        }
    }
    Ok((found, None))
}
