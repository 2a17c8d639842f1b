//! Lists of merge requests and of issues: by time of update, so that a row changed meanwhile comes again
//! at the end (docs/gitlab.md#ascending).

use std::time::Duration;

use crate::sync::error::Error;
use crate::sync::list::List;
use crate::sync::lock::lock;
use crate::sync::read::list_request::{ListKind, ListRequest};
use crate::sync::read::{changes_by_project, slices};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{ChangesState, Slice};

/// Reads the next pages of changed rows, with all that belongs to them.
///
/// # Errors
/// If GitLab still fails after retries; nothing of the step is committed then.
pub async fn step<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    state: &ChangesState,
) -> Result<(Rows<'a>, ChangesState), Error> {
    let unchanged = || lock(&session.unchanged).contains(&(list.stream, scope.to_string()));
    if state.progress.is_none() && unchanged() {
        let mut progress = state.begin(session.instance.at);
        progress.listed = true;
        return Ok((Rows::default(), state.advanced(progress, session.options.overlap)));
    }
    let reading = ListRequest {
        session,
        list,
        kind: ListKind::Updated,
        scope,
    };
    next(reading, state, session.options.overlap).await
}

/// Reads the next pages of open rows, changed or not: what GitLab changes without a new time of update (approval rules,
/// merge status, deleted notes: docs/gitlab.md#untouched) is seen in this way.
///
/// # Errors
/// If GitLab still fails after retries; nothing of the step is committed then.
pub async fn refresh_step<'a>(
    session: &Session<'a>,
    list: &'static List,
    scope: &Scope,
    state: &ChangesState,
) -> Result<(Rows<'a>, ChangesState), Error> {
    let reading = ListRequest {
        session,
        list,
        kind: ListKind::Open,
        scope,
    };
    next(reading, state, Duration::ZERO).await
}

async fn next<'a>(
    reading: ListRequest<'_, 'a>,
    state: &ChangesState,
    overlap: Duration,
) -> Result<(Rows<'a>, ChangesState), Error> {
    let session = reading.session;
    let mut progress = state.begin(session.instance.at);
    let mut rows = Rows::default();
    match reading.scope {
        Scope::Projects(projects) => {
            changes_by_project::next(reading, projects, state, &mut progress, &mut rows).await?;
        }
        Scope::Group(_) => {
            if progress.slices.is_empty() {
                let since = state.complete_until.or(session.options.start_date);
                progress.slices.push(Slice {
                    from: since.filter(|_| reading.kind == ListKind::Updated),
                    ..Slice::default()
                });
            }
            slices::next(reading, &mut progress, &mut rows).await?;
            progress.listed = progress.slices.is_empty();
        }
    }
    Ok((rows, state.advanced(progress, overlap)))
}
