//! Projects that come into a scope with a past: their lists are read from the beginning.

use serde_json::Value as Json;

use crate::gitlab::{self, Owner, time_of};
use crate::streams::{Node, pipelines, projects};
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, List, MERGE_REQUESTS};
use crate::sync::read::list_request::{ListKind, PageBounds, fetch};
use crate::sync::read::nodes::map_nodes;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Backfill, PendingPipelines, ProjectsProgress, ProjectsState};

/// Projects that the warehouse does not have although they are older than the last sync, or has under
/// another path: then the address of everything in them is another one. Single projects that were not in the scope
/// in the last pass are new, too: nobody asked what happened in them.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn find_new(
    session: &Session<'_>,
    state: &ProjectsState,
    nodes: &[Json],
    progress: &mut ProjectsProgress,
) -> Result<(), Error> {
    let ids: Vec<i64> = nodes.iter().filter_map(|node| Node::new(node).number("id")).collect();
    let seen = session
        .tables
        .fingerprints(session.streams.named(projects::NAME), &ids)
        .await?;
    let was_away = |id: i64| !state.members.is_empty() && !state.members.contains(&id);
    for node in nodes {
        let (Some(id), Some(path)) = (Node::new(node).number("id"), node["fullPath"].as_str()) else {
            continue;
        };
        let old =
            time_of(node, "createdAt").is_none_or(|created| state.complete_until.is_some_and(|since| created < since));
        let whole = match seen.get(&id) {
            None => old,
            Some(before) => before != path || was_away(id),
        };
        if !whole {
            continue;
        }
        tracing::info!(
            project = path,
            "a project moved, or came into the scope; reading it from its beginning"
        );
        if session.on(pipelines::NAME) {
            progress.pending.push(PendingPipelines::of_path(path, true));
        }
        for list in [&MERGE_REQUESTS, &ISSUES].iter().filter(|list| session.on(list.stream)) {
            progress.backfill.push(Backfill {
                project: id,
                stream: list.stream.to_owned(),
                after: None,
            });
        }
    }
    Ok(())
}

/// One page of a list of the first project that is to be read from its beginning. A list that can't be read is a
/// warning, and is tried again in the next sync.
///
/// # Errors
/// If GitLab fails at more than one list.
pub async fn next<'a>(
    session: &Session<'a>,
    scope: &Scope,
    progress: &mut ProjectsProgress,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let Some(mut now) = (!progress.backfill.is_empty()).then(|| progress.backfill.remove(0)) else {
        return Ok(());
    };
    let list: &'static List = if now.stream == ISSUES.stream {
        &ISSUES
    } else {
        &MERGE_REQUESTS
    };
    let bounds = PageBounds {
        after: now.after.clone(),
        from: session.options.start_date,
        until: None,
    };
    let page = match fetch(session, list, ListKind::Updated, Owner::Project(now.project), &bounds).await {
        Ok((page, _)) => page,
        // It was deleted, or is hidden by now.
        Err(gitlab::Error::ScopeNotFound(_)) => return Ok(()),
        Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
        Err(error) => {
            session.warn(
                scope,
                &format!("{} of project {}", now.stream, now.project),
                &error.into(),
            );
            progress.backfill_failed.push(now);
            return Ok(());
        }
    };
    session.warn_left_out(scope, &page.left_out);
    map_nodes(session, list, page.nodes, rows);
    if let Some(end) = page.end.filter(|_| page.has_next) {
        now.after = Some(end);
        progress.backfill.insert(0, now);
    }
    Ok(())
}
