//! Runs the passes that are due over each scope.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::gitlab;
use crate::sync::commit::commit;
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, MERGE_REQUESTS};
use crate::sync::lock::lock;
use crate::sync::pass::{ALL, Pass};
use crate::sync::plan::{Due, begin_anew, due, note_streams, share};
use crate::sync::report::CursorStep;
use crate::sync::request::Request;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Cursors, PassState};
use crate::sync::verified::Verified;
use crate::sync::{bookkeeping, driver, gaps};

/// What came of the scopes.
#[derive(Default)]
pub struct ScopesOutcome {
    /// Whether every pass came to its end.
    pub complete: bool,
    /// Cursors' steps, by pass.
    pub steps: BTreeMap<&'static str, Vec<CursorStep>>,
}

/// Runs the passes that are due over each scope. What concerns only one scope is a warning.
///
/// # Errors
/// What concerns all scopes, or, if not a single one could be read, what stopped the last.
pub async fn run_scopes(
    session: &Session<'_>,
    scopes: &[Scope],
    cursors: &mut Cursors,
    request: &Request,
) -> Result<ScopesOutcome, Error> {
    session
        .confirm_deletions
        .store(request.confirm_deletions, Ordering::Relaxed);
    let is_asked_for = request.reconcile || request.verify || request.full_refresh;
    session.retry_all.store(is_asked_for, Ordering::Relaxed);
    *lock(&session.verified) = request.verify.then(Verified::default);
    // Whoever wants everything read again wants it of lists without a change, too.
    if !request.full_refresh {
        let lists = [&MERGE_REQUESTS, &ISSUES];
        let unchanged = session.instance.unchanged.iter().filter_map(|(field, path)| {
            let list = lists.into_iter().find(|list| list.field == *field)?;
            Some((list.stream, Scope::Group(path.clone()).to_string()))
        });
        lock(&session.unchanged).extend(unchanged);
    }
    let mut outcome = ScopesOutcome {
        complete: true,
        ..ScopesOutcome::default()
    };
    let (mut failed, mut last_error) = (0, None);
    for scope in scopes {
        lock(&session.news).scope = scope.to_string();
        match run_and_note(session, scope, cursors, request, &mut outcome).await {
            Ok(()) if outcome.complete => {}
            Ok(()) => break,
            Err(error) => {
                let concerns_all = session.concerns_all(&error).await;
                if session.reads.is_over() {
                    outcome.complete = false;
                    break;
                }
                if concerns_all {
                    return Err(error);
                }
                session.warn(scope, "the scope", &error);
                failed += 1;
                last_error = Some(error);
            }
        }
    }
    match last_error {
        Some(error) if failed == scopes.len() => Err(error),
        _ => Ok(outcome),
    }
}

/// Runs the passes that are due over a scope, tries again what earlier syncs had to leave out, and keeps the ledger.
async fn run_and_note(
    session: &Session<'_>,
    scope: &Scope,
    cursors: &mut Cursors,
    request: &Request,
    outcome: &mut ScopesOutcome,
) -> Result<(), Error> {
    gaps::expect_failures(session).await?;
    let ran = run_scope(session, scope, cursors, request, outcome).await;
    if ran.is_ok() && outcome.complete {
        let mut rows = Rows::default();
        session.reads.hold(gaps::retry(session, &mut rows)).await?;
        if rows.len() > 0 {
            commit(session, rows, None).await?;
        }
    }
    bookkeeping::write(session).await?;
    ran
}

async fn run_scope(
    session: &Session<'_>,
    scope: &Scope,
    cursors: &mut Cursors,
    request: &Request,
    outcome: &mut ScopesOutcome,
) -> Result<(), Error> {
    let key = |pass: Pass| (pass.stream().to_owned(), scope.to_string());
    if request.full_refresh {
        for pass in ALL {
            begin_anew(session, pass, scope, cursors).await?;
        }
    }
    note_streams(session, scope, cursors).await?;
    share(session, scope, cursors, request).await?;
    let first = cursors.get(&key(Pass::MergeRequests)).is_none_or(|cursor| {
        PassState::read(Pass::MergeRequests, Some(cursor))
            .complete_until()
            .is_none()
    });
    let mut dimensions_done = false;
    let (mut good, mut failed) = (0, None);
    for pass in ALL {
        if !pass.is_wanted(session.options, &session.only, session.streams) {
            continue;
        }
        let cursor = cursors.get(&key(pass)).cloned();
        match due(session, pass, cursor.as_deref(), first, request) {
            Due::No => continue,
            Due::Skip => {
                let at = driver::skip(session, pass, scope, cursor, session.instance.at).await?;
                cursors.insert(key(pass), at);
                continue;
            }
            Due::Yes => {}
        }
        match run_pass(session, pass, scope, cursors, outcome).await {
            Ok(()) => good += 1,
            Err(Error::GitLab(gitlab::Error::ScopeNotFound(path))) => {
                return Err(gitlab::Error::ScopeNotFound(path).into());
            }
            Err(error) if session.concerns_all(&error).await => return Err(error),
            Err(error) => {
                session.warn(scope, pass.stream(), &error);
                failed = Some(error);
                continue;
            }
        }
        dimensions_done |= pass == Pass::Dimensions;
        if !outcome.complete {
            return Ok(());
        }
        if pass == Pass::Issues
            && !dimensions_done
            && session.streams.references().all(|(_, _, other)| session.on(other))
            && session
                .streams
                .references()
                .any(|(stream, ..)| lock(&session.counters).written_to(stream.name()) > 0)
            && session.tables.has_dangling_refs(session.streams).await?
        {
            run_pass(session, Pass::Dimensions, scope, cursors, outcome).await?;
        }
    }
    match failed {
        Some(error) if good == 0 => Err(error),
        _ => Ok(()),
    }
}

async fn run_pass(
    session: &Session<'_>,
    pass: Pass,
    scope: &Scope,
    cursors: &mut Cursors,
    outcome: &mut ScopesOutcome,
) -> Result<(), Error> {
    let key = (pass.stream().to_owned(), scope.to_string());
    let cursor = cursors.get(&key).cloned();
    let from = PassState::read(pass, cursor.as_deref()).complete_until();
    let reached = driver::run(session, pass, scope, cursor).await?;
    outcome.steps.entry(pass.stream()).or_default().push(CursorStep {
        scope: scope.to_string(),
        from,
        to: reached.state.complete_until(),
    });
    outcome.complete &= reached.complete;
    if let Some(cursor) = reached.cursor {
        cursors.insert(key, cursor);
    }
    Ok(())
}
