//! Pipelines of projects in which some changed: of several projects, or parts of a long list, in each request.

mod cut;

use cut::{LeftOfList, cut};
use serde_json::json;
use time::OffsetDateTime;

use crate::gitlab::{self, By, Connection, Owner, Purpose, Selection, time_of};
use crate::streams::pipelines;
use crate::sync::error::Error;
use crate::sync::read::lookup;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{PendingPipelines, ProjectsProgress, ProjectsState};

/// Requests for one checkpoint.
const REQUESTS: usize = 4;

/// Reads the next page of pipelines of some pending projects. A project whose pipelines can't be read is
/// a warning, and is tried again in the next sync.
///
/// # Errors
/// If GitLab fails at more than one project.
pub async fn next<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &ProjectsState,
    progress: &mut ProjectsProgress,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let since = state.complete_until;
    let at_once = at_once(session);
    let most = at_once * REQUESTS;
    let now: Vec<PendingPipelines> = progress.pending.drain(..progress.pending.len().min(most)).collect();
    let lists = now.iter().map(|pending| request(session, pending, since)).collect();
    let pages = gitlab::fetch(session.client, &Purpose::new(pipelines::NAME, "Pipelines"), lists).await?;
    let stream = session.streams.named(pipelines::NAME);
    let (mut found, mut left) = (Vec::new(), Vec::new());
    for (pending, page) in now.into_iter().zip(pages) {
        let page = match page {
            Ok(page) => page,
            // It was deleted, or is hidden by now.
            Err(gitlab::Error::ScopeNotFound(_)) => continue,
            Err(error) => {
                session.warn(scope, &format!("pipelines of {}", pending.path), &error.into());
                progress.failed.push(pending.again(since));
                continue;
            }
        };
        session.warn_left_out(scope, &page.left_out);
        if page.is_dead_end() {
            let error = gitlab::Error::dead_end().into();
            session.warn(scope, &format!("pipelines of {}", pending.path), &error);
            progress.failed.push(pending.again(since));
        }
        let floor = since_of(&pending, since, session).or_else(|| time_of(&page.owner, "createdAt"));
        let (next, project, nodes) = (page.next(), page.owner, page.nodes);
        if next.is_some() {
            let pending = PendingPipelines {
                after: next,
                ..pending.clone()
            };
            left.push(LeftOfList::of(pending, &nodes, floor));
        }
        for mut pipeline in nodes {
            pipeline["_parent"] = json!({"id": project["id"]});
            pipeline["_path"] = json!(pending.path);
            rows.map(stream, &pipeline);
            found.push(pipeline);
        }
    }
    let room = most.saturating_sub(progress.pending.len());
    progress.pending.extend(cut(left, at_once, room));
    // In a first pass the merge requests are all read afterwards.
    if state.complete_until.is_some() {
        lookup::add_of_pipelines(session, &found, rows).await?;
    }
    Ok(())
}

/// The list of a project's pipelines.
fn request(session: &Session<'_>, pending: &PendingPipelines, since: Option<OffsetDateTime>) -> Connection {
    Connection::new(Owner::ProjectAt(pending.path.clone()), pipelines::LIST)
        .within(By::UpdatedOnly, since_of(pending, since, session), pending.until)
        .first(session.page(pipelines::NAME))
        .after(pending.after.clone())
        .nodes(session.fields(session.streams.named(pipelines::NAME)))
        .beside(Selection::parse("createdAt"))
}

/// How many such lists fit one request.
fn at_once(session: &Session<'_>) -> usize {
    let any = |place: usize| request(session, &PendingPipelines::of_path(&place.to_string(), true), None);
    let lists: Vec<Connection> = (0..100).map(any).collect();
    gitlab::fitting(&lists, session.client.limits.score())
}

/// Since when changes in a project count.
fn since_of(
    pending: &PendingPipelines,
    since: Option<OffsetDateTime>,
    session: &Session<'_>,
) -> Option<OffsetDateTime> {
    let since = pending.since.or(since).filter(|_| !pending.all);
    since.or(session.options.start_date)
}

/// Adds all pipelines of a project.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn add_all_of<'a>(
    session: &Session<'a>,
    scope: &Scope,
    path: &str,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    // As in a first pass: the merge requests are looked at by others.
    let state = ProjectsState::default();
    let mut progress = state.begin(session.instance.at);
    progress.pending.push(PendingPipelines {
        path: path.to_owned(),
        all: true,
        ..PendingPipelines::default()
    });
    while !progress.pending.is_empty() {
        next(session, scope, &state, &mut progress, rows).await?;
    }
    Ok(())
}
