//! Lists of single projects: of several projects in each request.
//!
//! One cheap question tells in which of them anything has changed. Of those, a few rows each come with one request,
//! and a project with more of them goes on in a slice of its own. The pass goes through the projects by their ids, so
//! its cursor holds only how far it came.

use time::OffsetDateTime;

use crate::gitlab::{self, By, Connection, Owner, Page, Purpose, Selection};
use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::lock::lock;
use crate::sync::read::list_request::{self, ListKind, ListRequest, PageBounds, purpose, request};
use crate::sync::read::nodes::map_nodes;
use crate::sync::read::slices;
use crate::sync::rows::Rows;
use crate::sync::scope::Projects;
use crate::sync::session::Session;
use crate::sync::state::{ChangesProgress, ChangesState, RetryProject, Slice};

/// Projects in a request for rows.
const AT_ONCE: usize = 10;
/// Reads the next rows of a list of these projects, with all that belongs to them.
///
/// # Errors
/// If GitLab still fails after retries; nothing of the step is committed then.
pub async fn next<'a>(
    reading: ListRequest<'_, 'a>,
    projects: &Projects,
    state: &ChangesState,
    progress: &mut ChangesProgress,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let ListRequest { session, kind, .. } = reading;
    let since = state.complete_until.or(session.options.start_date);
    let from = since.filter(|_| kind == ListKind::Updated);
    // What an earlier pass could not read.
    for failed in progress.retry.drain(..) {
        progress.slices.push(Slice {
            project: Some(failed.project),
            from: failed.since.or(session.options.start_date),
            ..Slice::default()
        });
    }
    if progress.slices.is_empty() {
        let begun = progress.last_project.unwrap_or_default();
        let wanted = match state.complete_until.filter(|_| kind == ListKind::Updated) {
            Some(since) => changed(reading, projects, since, progress.started_at, begun).await?,
            None => projects.paths.keys().copied().collect(),
        };
        let now: Vec<i64> = wanted.into_iter().filter(|id| *id > begun).take(AT_ONCE).collect();
        progress.last_project = now.last().copied().or(progress.last_project);
        match now[..] {
            [] => progress.listed = true,
            // The whole page for it.
            [only] => progress.slices.push(slice(only, from, None)),
            _ => first_rows(reading, &now, from, progress, rows).await?,
        }
    }
    if !progress.slices.is_empty() {
        slices::next(reading, progress, rows).await?;
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

/// Reads some rows of each of these projects; those with more become slices.
async fn first_rows<'a>(
    reading: ListRequest<'_, 'a>,
    ids: &[i64],
    from: Option<OffsetDateTime>,
    progress: &mut ChangesProgress,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let ListRequest {
        session,
        list,
        kind,
        scope,
    } = reading;
    let bounds = PageBounds {
        from,
        ..PageBounds::default()
    };
    let pages = first_pages(session, list, kind, ids, &bounds).await?;
    for (project, page) in ids.iter().zip(pages) {
        let page = match page {
            Ok(page) => page,
            // It was deleted, or is hidden by now.
            Err(gitlab::Error::ScopeNotFound(_)) => continue,
            Err(error) => {
                session.warn(
                    scope,
                    &format!("{} of the project {project}", list.stream),
                    &error.into(),
                );
                progress.failed.push(RetryProject {
                    project: *project,
                    since: from,
                });
                continue;
            }
        };
        session.warn_left_out(scope, &page.left_out);
        // From a page that is hidden whole there is no way on but by time, which the slice knows.
        if page.has_next {
            progress.slices.push(slice(*project, from, page.end));
        }
        map_nodes(session, list, page.nodes, rows);
    }
    Ok(())
}

/// The first page of each project's list, in their order; an error within concerns that project alone.
///
/// # Errors
/// What everybody else would meet, too.
pub async fn first_pages(
    session: &Session<'_>,
    list: &'static List,
    kind: ListKind,
    ids: &[i64],
    bounds: &PageBounds,
) -> Result<Vec<Result<Page, gitlab::Error>>, gitlab::Error> {
    let first = match kind {
        ListKind::Ids | ListKind::Times => list_request::first(session, list, kind),
        ListKind::Updated | ListKind::Open => session.rows_of_each,
    };
    let of_project = |id: &i64| request(session, list, kind, Owner::Project(*id), bounds).first(first);
    let lists: Vec<Connection> = ids.iter().map(of_project).collect();
    let operation = format!("{}OfProjects", purpose(list, kind).operation);
    let purpose = Purpose::new(list.stream, operation);
    list_request::rows_of(session, list, &purpose, lists).await
}

/// The projects, from the one after `begun` on, in which a list has changed; asked once in a pass.
async fn changed(
    reading: ListRequest<'_, '_>,
    projects: &Projects,
    since: OffsetDateTime,
    started_at: OffsetDateTime,
    begun: i64,
) -> Result<Vec<i64>, gitlab::Error> {
    let ListRequest {
        session, list, scope, ..
    } = reading;
    let asked = (list.stream, scope.to_string(), started_at);
    if let Some(known) = lock(&session.changed).get(&asked) {
        return Ok(known.clone());
    }
    let ids: Vec<i64> = projects.paths.keys().copied().filter(|id| *id > begun).collect();
    let of_project = |id: &i64| {
        Connection::new(Owner::Project(*id), list.field)
            .within(By::UpdatedOnly, Some(since), None)
            .first(1)
            .nodes(Selection::parse("id"))
    };
    let purpose = Purpose::new(list.stream, format!("Changed{}", list.operation));
    let pages = gitlab::fetch(session.client, &purpose, ids.iter().map(of_project).collect()).await?;
    let has_changed = |page: Result<Page, gitlab::Error>| match page {
        // A row that the token may not see is taken out after the page was cut.
        Ok(page) => !page.nodes.is_empty() || page.has_next || !page.left_out.is_empty(),
        Err(gitlab::Error::ScopeNotFound(_)) => false,
        // It is read as if it had: then it shows whether it can be.
        Err(_) => true,
    };
    let pairs = ids.into_iter().zip(pages);
    let found: Vec<i64> = pairs.filter_map(|(id, page)| has_changed(page).then_some(id)).collect();
    lock(&session.changed).insert(asked, found.clone());
    Ok(found)
}
