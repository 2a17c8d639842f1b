//! The pass over projects. Each project's row is read in every sync, with one question whether it has
//! pipelines that changed; those pipelines are read next.
//!
//! The list's pages stay where they are from one sync to the next, so several are asked for in one
//! request, and what does not fit together is read again from there, page by page. A page with other
//! projects than last time may hold one that came into the scope with a past: it is read from its beginning.

use serde_json::Value as Json;
use xxhash_rust::xxh3::Xxh3;

use crate::gitlab::time_of;
use crate::streams::{self, Node};
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::read::project_pages::next_pages;
use crate::sync::read::{backfill, pipelines};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{KnownPage, PendingPipelines, ProjectsProgress, ProjectsState};

/// Reads the next pages of projects, or of pipelines, or of a project that is new to the scope.
///
/// # Errors
/// If GitLab still fails after retries; nothing of the step is committed then.
pub async fn step<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &ProjectsState,
) -> Result<(Rows<'a>, ProjectsState), Error> {
    let mut progress = state.begin(session.instance.at);
    let mut rows = Rows::default();
    if !progress.pending.is_empty() {
        pipelines::next(session, scope, state, &mut progress, &mut rows).await?;
    } else if !progress.listed {
        next_projects(session, scope, state, &mut progress, &mut rows).await?;
    } else {
        backfill::next(session, scope, &mut progress, &mut rows).await?;
    }
    Ok((rows, state.advanced(progress, session.options.overlap)))
}

async fn next_projects<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &ProjectsState,
    progress: &mut ProjectsProgress,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    for page in next_pages(session, scope, state, progress).await? {
        let known = KnownPage {
            hash: hash_of(&page.nodes),
            after: page.after,
        };
        if state.complete_until.is_some() && !state.pages.contains(&known) {
            backfill::find_new(session, state, &page.nodes, progress).await?;
        }
        progress.pages.push(known);
        // Without a cursor there is no way on, and asking again would never end.
        progress.listed = !page.has_next || page.end.is_none();
        progress.after = page.end;
        for (id, path) in page.failing {
            progress
                .failed
                .push(PendingPipelines::of_path(&path, false).again(state.complete_until));
            seen(session, scope, id, true, progress);
        }
        for project in page.nodes {
            rows.map(session.streams.named(streams::projects::NAME), &project);
            let (Some(id), Some(path)) = (Node::new(&project).number("id"), project["fullPath"].as_str()) else {
                continue;
            };
            session.learn_path(id, path);
            seen(session, scope, id, is_active(&project, state), progress);
            let moved = project[streams::pipelines::LIST]["nodes"]
                .as_array()
                .is_some_and(|nodes| !nodes.is_empty());
            let known = |pending: &PendingPipelines| pending.path == path && pending.until.is_none();
            if moved && !progress.pending.iter().any(known) {
                progress.pending.push(PendingPipelines::of_path(path, false));
            }
        }
    }
    Ok(())
}

/// Notes that a project is in the scope, and whether something may have happened in it.
fn seen(session: &Session<'_>, scope: &Scope, id: i64, active: bool, progress: &mut ProjectsProgress) {
    if active {
        let mut active = lock(&session.active);
        active.entry(scope.to_string()).or_default().insert(id);
    }
    if matches!(scope, Scope::Projects(_)) {
        progress.members.push(id);
    }
}

/// Whether something may have happened in a project: GitLab moves the time of its last activity once in
/// an hour at most.
fn is_active(project: &Json, state: &ProjectsState) -> bool {
    let Some(since) = state.complete_until else {
        return true;
    };
    let since = since - time::Duration::minutes(70);
    let pipelines = project[streams::pipelines::LIST]["nodes"]
        .as_array()
        .is_some_and(|nodes| !nodes.is_empty());
    pipelines
        || ["lastActivityAt", "updatedAt"]
            .iter()
            .any(|field| time_of(project, field).is_none_or(|at| at >= since))
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
