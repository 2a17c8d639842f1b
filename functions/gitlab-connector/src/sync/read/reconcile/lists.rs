//! Compares lists of merge requests and issues, a stretch at a time.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use mergemind_shared::warehouse::{Sweep, Within};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::gitlab::{self, time_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::raw_tables::fingerprint;
use crate::sync::read::list_request::{Page, Which, Whose, Window, fetch};
use crate::sync::read::{changes_by_project, lookup, redacted};
use crate::sync::rows::Rows;
use crate::sync::scope::{Projects, Scope};
use crate::sync::session::Session;
use crate::sync::state::Pass;

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
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<bool, Error> {
    if !session.on(list.stream) {
        return Ok(true);
    }
    let path = match scope {
        Scope::Group(path) => path,
        Scope::Projects(projects) => return compare_projects(session, list, scope, projects, pass, rows).await,
    };
    let from = pass.read_until;
    let (nodes, until) = stretch(session, list, Whose::Group(path), pass, from).await?;
    compare_nodes(
        session,
        list,
        (from, until),
        projects.keys().copied().collect(),
        &nodes,
        rows,
    )
    .await?;
    pass.read_until = until;
    Ok(until.is_none())
}

/// Compares the next projects that fit a page each, or a stretch of one that does not. `pass.after` is the id of the
/// last one that is done.
async fn compare_projects<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    projects: &Projects,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<bool, Error> {
    let (ids, more) = projects.after(pass.after.as_deref(), PROJECTS);
    let Some(first) = ids.first().copied() else {
        pass.after = None;
        return Ok(true);
    };
    if pass.read_until.is_none() {
        let fitting = fitting(session, list, &ids).await?;
        let done = fitting.len();
        if done > 0 {
            let shown = fitting.iter().flatten();
            let owners = shown.clone().map(|(id, _)| *id).collect();
            let nodes: Vec<Json> = fitting.into_iter().flatten().flat_map(|(_, page)| page.nodes).collect();
            compare_nodes(session, list, (None, None), owners, &nodes, rows).await?;
            pass.after = ids.get(done - 1).map(i64::to_string);
            let last = done == ids.len() && !more;
            pass.after = pass.after.take().filter(|_| !last);
            return Ok(last);
        }
    }
    let from = pass.read_until;
    pass.read_until = match stretch(session, list, Whose::Project(first), pass, from).await {
        Ok((nodes, until)) => {
            compare_nodes(session, list, (from, until), vec![first], &nodes, rows).await?;
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
    if pass.read_until.is_some() {
        return Ok(false);
    }
    let last = ids.len() == 1 && !more;
    pass.after = Some(first.to_string()).filter(|_| !last);
    Ok(last)
}

/// The lists of the first of these projects, as long as they fit a page; `None` where GitLab shows no project. Empty if
/// the first does not fit, or GitLab fails at them together.
async fn fitting(
    session: &Session<'_>,
    list: &'static List,
    ids: &[i64],
) -> Result<Vec<Option<(i64, Page)>>, gitlab::Error> {
    if session.one_by_one.load(Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let pages = match changes_by_project::first_pages(session, list, Which::Ids, ids, &Window::default()).await {
        Ok(pages) => pages,
        Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error),
        Err(error) => {
            tracing::warn!("{error}; comparing project by project from now on");
            session.one_by_one.store(true, Ordering::Relaxed);
            return Ok(Vec::new());
        }
    };
    let mut by_id: BTreeMap<i64, Page> = pages.into_iter().collect();
    let found = ids.iter().map(|id| by_id.remove(id).map(|page| (*id, page)));
    Ok(found
        .take_while(|found| found.as_ref().is_none_or(|(_, page)| !page.has_next))
        .collect())
}

/// Compares what was created within these bounds in these projects: `nodes` are all that GitLab shows of it, and maybe
/// more.
async fn compare_nodes<'a>(
    session: &Session<'a>,
    list: &'static List,
    (from, until): (Option<OffsetDateTime>, Option<OffsetDateTime>),
    projects: Vec<i64>,
    nodes: &[Json],
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let within = |node: &&Json| until.is_none_or(|until| time_of(node, "createdAt").is_some_and(|at| at < until));
    let present: Vec<(i64, &Json)> = nodes
        .iter()
        .filter(within)
        .filter_map(|node| Some((Node::new(node).number("id")?, node)))
        .collect();
    let ids: Vec<i64> = present.iter().map(|(id, _)| *id).collect();
    let seen = session.tables.fingerprints(list.stream, &ids).await?;
    let mut wanted = lookup::Wanted::new();
    for (id, node) in &present {
        if seen
            .get(id)
            .is_some_and(|known| *known == fingerprint(list.stream, node))
        {
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
    rows.sweeps.push(Sweep {
        table: &session.streams.named(list.stream).table,
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
    whose: Whose<'_>,
    pass: &Pass,
    from: Option<OffsetDateTime>,
) -> Result<(Vec<Json>, Option<OffsetDateTime>), gitlab::Error> {
    let mut window = Window {
        from,
        ..Window::default()
    };
    let mut nodes: Vec<Json> = Vec::new();
    for pages in 1.. {
        let mut page = fetch(session, list, Which::Ids, whose, &window).await?;
        if page.is_dead_end() {
            (page, window.from) = redacted::pass_by(session, list, Which::Ids, whose, &window, pass.started_at).await?;
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
