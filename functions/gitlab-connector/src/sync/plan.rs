//! Which passes run over which scope, and what comes of them.

use mergemind_shared::warehouse::CursorMove;

use crate::gitlab::Changed;
use crate::streams::{Stream, projects};
use crate::sync::commit::commit;
use crate::sync::driver;
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, MERGE_REQUESTS};
use crate::sync::lock::lock;
use crate::sync::pass::{ALL, Pass};
use crate::sync::read::{reconcile, scope_ids};
use crate::sync::request::Request;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Cursors, PassState, STREAMS};

/// Notes which streams are read from now on. One that was switched on since has no past in the tables, so
/// the pass that reads it begins anew.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn note_streams(session: &Session<'_>, scope: &Scope, cursors: &mut Cursors) -> Result<(), Error> {
    let key = (STREAMS.to_owned(), scope.to_string());
    let on = session
        .options
        .streams
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(",");
    let known = cursors.get(&key).cloned();
    if known.as_ref() == Some(&on) {
        return Ok(());
    }
    if let Some(known) = &known {
        let known: Vec<&str> = known.split(',').collect();
        let new = |stream: &&Stream| session.on(stream.name()) && !known.contains(&stream.name());
        let passes: Vec<Pass> = session
            .streams
            .all()
            .filter(new)
            .filter_map(|stream| Pass::of(stream, session.streams))
            .collect();
        for pass in ALL.into_iter().filter(|pass| passes.contains(pass)) {
            tracing::info!(%scope, pass = pass.stream(), "a stream was switched on; reading from the beginning");
            begin_anew(session, pass, scope, cursors).await?;
        }
        if !passes.is_empty() {
            note_who_is_away(session, scope, cursors).await?;
        }
    }
    let noted = CursorMove {
        stream: key.0.clone(),
        scope: key.1.clone(),
        from: known,
        to: on.clone(),
        at: None,
    };
    commit(session, Rows::default(), Some(noted)).await?;
    cursors.insert(key, on);
    Ok(())
}

/// A project that is away while a stream is switched on has no past of it. Its row says that it is away, and every page
/// of projects is compared with the rows again: so it is new when it comes back, and read from its beginning.
async fn note_who_is_away(session: &Session<'_>, scope: &Scope, cursors: &mut Cursors) -> Result<(), Error> {
    let projects = scope_ids::projects_of(session, scope).await?;
    let mut rows = Rows::default();
    let away = reconcile::reconcile_projects(session, scope, &projects, &mut rows).await?;
    rows.mark_gone(session.streams.named(projects::NAME), away.into_keys().collect());
    commit(session, rows, None).await?;
    let key = (Pass::Projects.stream().to_owned(), scope.to_string());
    if let Some(cursor) = cursors.remove(&key) {
        let mut state = PassState::read(Pass::Projects, Some(&cursor));
        if let PassState::Projects(state) = &mut state {
            state.pages.clear();
            state.members.retain(|id| projects.contains_key(id));
            if let Some(progress) = &mut state.progress {
                progress.pages.clear();
                progress.members.retain(|id| projects.contains_key(id));
            }
        }
        let moved = driver::put(session, Pass::Projects, scope, Some(cursor), &state).await?;
        cursors.insert(key, moved);
    }
    Ok(())
}

/// Takes over what the cursors of other scopes tell. A project that is synced alone goes on where its group is, and a
/// comparison begins at its beginning.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn share(
    session: &Session<'_>,
    scope: &Scope,
    cursors: &mut Cursors,
    request: &Request,
) -> Result<(), Error> {
    let key = |pass: Pass, scope: String| (pass.stream().to_owned(), scope);
    let state = |cursors: &Cursors, pass: Pass, scope: String| {
        PassState::read(pass, cursors.get(&key(pass, scope)).map(String::as_str))
    };
    if let PassState::Projects(state) = state(cursors, Pass::Projects, scope.to_string()) {
        let pages = state.pages.iter().map(|page| page.after.clone()).collect();
        lock(&session.project_pages).insert(scope.to_string(), pages);
    }
    if request.verify
        && let PassState::Reconcile(mut state) = state(cursors, Pass::Reconcile, scope.to_string())
        && state.progress.take().is_some()
    {
        let cursor = cursors.remove(&key(Pass::Reconcile, scope.to_string()));
        let moved = driver::put(session, Pass::Reconcile, scope, cursor, &PassState::Reconcile(state)).await?;
        cursors.insert(key(Pass::Reconcile, scope.to_string()), moved);
    }
    let Some(group) = scope.group_of_one(cursors.keys().map(|(_, scope)| scope.as_str())) else {
        return Ok(());
    };
    for pass in ALL.into_iter().filter(|_| !request.full_refresh) {
        let (own, of_group) = (
            state(cursors, pass, scope.to_string()),
            state(cursors, pass, group.clone()).complete_until(),
        );
        if let Some(at) = of_group.filter(|at| !own.is_under_way() && own.complete_until() < Some(*at)) {
            let cursor = cursors.remove(&key(pass, scope.to_string()));
            let to = match state(cursors, pass, group.clone()) {
                PassState::RestStreams(state) => PassState::RestStreams(state.shared()),
                _ => PassState::complete(pass, at),
            };
            let moved = driver::put(session, pass, scope, cursor, &to).await?;
            cursors.insert(key(pass, scope.to_string()), moved);
        }
    }
    Ok(())
}

/// Lets a pass begin as if it had never run.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn begin_anew(session: &Session<'_>, pass: Pass, scope: &Scope, cursors: &mut Cursors) -> Result<(), Error> {
    let key = (pass.stream().to_owned(), scope.to_string());
    if let Some(cursor) = cursors.remove(&key) {
        let begin = driver::reset(session, pass, scope, cursor).await?;
        cursors.insert(key, begin);
    }
    // What has not changed since the last sync is read all the same.
    lock(&session.unchanged).remove(&(pass.stream(), scope.to_string()));
    Ok(())
}

/// Whether a pass is to run in this sync.
pub enum Due {
    Yes,
    No,
    /// What it would find was just read by the others.
    Skip,
}

/// Whether a pass is to run now. `first`: nothing of the scope has been read to its end before.
pub fn due(session: &Session<'_>, pass: Pass, cursor: Option<&str>, first: bool, request: &Request) -> Due {
    let Some(every) = pass.every(session.options) else {
        return Due::Yes;
    };
    let state = PassState::read(pass, cursor);
    let forced = request.reconcile || request.verify;
    if forced || state.is_under_way() {
        return Due::Yes;
    }
    match state.complete_until() {
        None if first && matches!(pass, Pass::Reconcile | Pass::OpenMergeRequests) => Due::Skip,
        None => Due::Yes,
        Some(last) if session.instance.at - last >= every => Due::Yes,
        Some(_) => Due::No,
    }
}

/// Lists of groups whose last pass has ended: they may have no change since. None if all is to be read, changed or not.
pub fn lists_to_probe(scopes: &[Scope], cursors: &Cursors, request: &Request) -> Vec<Changed> {
    let mut lists = Vec::new();
    if request.full_refresh {
        return lists;
    }
    for scope in scopes {
        // The passes over single projects ask about all of them at once.
        let Scope::Group(path) = scope else { continue };
        for (pass, list) in [(Pass::MergeRequests, &MERGE_REQUESTS), (Pass::Issues, &ISSUES)] {
            let cursor = cursors.get(&(pass.stream().to_owned(), scope.to_string()));
            let state = PassState::read(pass, cursor.map(String::as_str));
            if let (Some(since), false) = (state.complete_until(), state.is_under_way()) {
                lists.push(Changed {
                    field: list.field,
                    path: path.clone(),
                    since,
                });
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_refresh_reads_also_what_has_not_changed() {
        let scope = Scope::Group("acme".into());
        let key = (MERGE_REQUESTS.stream.to_owned(), scope.to_string());
        let cursors = Cursors::from([(key, r#"{"updated_after":"2026-01-01T09:55:00Z"}"#.to_owned())]);
        let lists = |full_refresh| {
            let request = Request {
                full_refresh,
                ..Request::default()
            };
            lists_to_probe(std::slice::from_ref(&scope), &cursors, &request).len()
        };
        assert_eq!((lists(false), lists(true)), (1, 0));
    }
}
