//! The passes of a sync over a scope, and how each one runs: page by page, each committed with its cursor.

use std::future::Future;

use mergemind_shared::warehouse::CursorMove;
use time::OffsetDateTime;

use crate::sync::commit::commit;
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, MERGE_REQUESTS};
use crate::sync::pass::Pass;
use crate::sync::read::{changes, projects, reconcile, rest, snapshot};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::PassState;

/// Rows that are gathered at most while a commit is under way: what a killed sync may have to fetch again.
const ENOUGH: usize = 5000;

/// One step: its rows, and the state when they are committed.
struct Step<'a> {
    rows: Rows<'a>,
    next: PassState,
}

/// How far a pass came.
pub struct Reached {
    pub state: PassState,
    pub cursor: Option<String>,
    pub complete: bool,
}

/// Runs a pass to its end. One that an earlier sync had begun is finished first, and then, because time
/// has gone by, run once more if it runs in every sync.
///
/// # Errors
/// If GitLab or the warehouse still fails after retries. What was committed before stays, and the cursor stands behind it.
pub async fn run(session: &Session<'_>, pass: Pass, scope: &Scope, cursor: Option<String>) -> Result<Reached, Error> {
    let resumed = PassState::read(pass, cursor.as_deref()).is_under_way();
    let progress = run_to_end(session, pass, scope, cursor).await?;
    if resumed && progress.complete && pass.every(session.options).is_none() && !session.must_stop() {
        return run_to_end(session, pass, scope, progress.cursor).await;
    }
    Ok(progress)
}

/// Counts a pass as done at `at` without doing it.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn skip(
    session: &Session<'_>,
    pass: Pass,
    scope: &Scope,
    cursor: Option<String>,
    at: OffsetDateTime,
) -> Result<String, Error> {
    put(session, pass, scope, cursor, &PassState::complete(pass, at)).await
}

/// Lets a pass begin as if it had never run.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn reset(session: &Session<'_>, pass: Pass, scope: &Scope, cursor: String) -> Result<String, Error> {
    put(session, pass, scope, Some(cursor), &PassState::new(pass)).await
}

/// Moves the cursor of a pass.
///
/// # Errors
/// If the warehouse still fails after retries.
pub async fn put(
    session: &Session<'_>,
    pass: Pass,
    scope: &Scope,
    from: Option<String>,
    to: &PassState,
) -> Result<String, Error> {
    commit(session, Rows::default(), Some(moved(pass, scope, from, to))).await?;
    Ok(to.to_cursor())
}

/// Page by page. While one commit is under way the next pages are fetched, and what has come when it ends
/// is committed together: a slow warehouse gets few large commits, a fast one many small ones.
async fn run_to_end(
    session: &Session<'_>,
    pass: Pass,
    scope: &Scope,
    mut cursor: Option<String>,
) -> Result<Reached, Error> {
    let mut step = step(session, scope, &PassState::read(pass, cursor.as_deref())).await?;
    loop {
        let state = step.next.clone();
        let to = state.to_cursor();
        let moved = moved(pass, scope, cursor, &state);
        cursor = Some(to);
        let complete = !state.is_under_way();
        let commit = commit(session, step.rows, Some(moved));
        if complete || session.must_stop() {
            commit.await?;
            return Ok(Reached {
                state,
                cursor,
                complete,
            });
        }
        step = commit_and_fetch(commit, session, pass, scope, state).await?;
    }
}

fn moved(pass: Pass, scope: &Scope, from: Option<String>, to: &PassState) -> CursorMove {
    CursorMove {
        stream: pass.stream().to_owned(),
        scope: scope.to_string(),
        from,
        to: to.to_cursor(),
        at: to
            .complete_until()
            .and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1000).ok()),
    }
}

/// Fetches at least one page after `state` while `commit` is under way. A pass that compares with what
/// is in the warehouse waits for the commit first.
async fn commit_and_fetch<'a>(
    commit: impl Future<Output = Result<(), Error>>,
    session: &Session<'a>,
    pass: Pass,
    scope: &Scope,
    state: PassState,
) -> Result<Step<'a>, Error> {
    if matches!(pass, Pass::Reconcile | Pass::RestStreams) {
        commit.await?;
        return step(session, scope, &state).await;
    }
    tokio::pin!(commit);
    let mut committed = false;
    let mut gathered = Step {
        rows: Rows::default(),
        next: state,
    };
    loop {
        let after = gathered.next.clone();
        let fetch = step(session, scope, &after);
        tokio::pin!(fetch);
        let fetched = loop {
            tokio::select! {
                // In this order, so that a seed lives the same history twice.
                biased;
                done = &mut commit, if !committed => {
                    done?;
                    committed = true;
                }
                fetched = &mut fetch => break fetched,
            }
        };
        match fetched {
            Ok(fetched) => {
                gathered.rows.append(fetched.rows, session.streams);
                gathered.next = fetched.next;
            }
            // What has come before is committed.
            Err(Error::TooLate) => {}
            Err(error) => return Err(error),
        }
        let enough = gathered.rows.len() >= ENOUGH || !gathered.next.is_under_way() || session.must_stop();
        if committed || enough {
            if !committed {
                commit.await?;
            }
            return Ok(gathered);
        }
    }
}

/// Reads the next step of the pass whose state this is.
async fn step<'a>(session: &Session<'a>, scope: &Scope, state: &PassState) -> Result<Step<'a>, Error> {
    session.reads.hold(read_step(session, scope, state)).await
}

async fn read_step<'a>(session: &Session<'a>, scope: &Scope, state: &PassState) -> Result<Step<'a>, Error> {
    let (rows, next) = match state {
        PassState::Projects(state) => {
            let (rows, next) = projects::step(session, scope, state).await?;
            (rows, PassState::Projects(next))
        }
        PassState::MergeRequests(state) => {
            let (rows, next) = changes::step(session, &MERGE_REQUESTS, scope, state).await?;
            (rows, PassState::MergeRequests(next))
        }
        PassState::Issues(state) => {
            let (rows, next) = changes::step(session, &ISSUES, scope, state).await?;
            (rows, PassState::Issues(next))
        }
        PassState::Dimensions(state) => {
            let (rows, next) = snapshot::step(session, scope, state).await?;
            (rows, PassState::Dimensions(next))
        }
        PassState::OpenMergeRequests(state) => {
            let (rows, next) = changes::refresh_step(session, &MERGE_REQUESTS, scope, state).await?;
            (rows, PassState::OpenMergeRequests(next))
        }
        PassState::Reconcile(state) => {
            let (rows, next) = reconcile::step(session, scope, state).await?;
            (rows, PassState::Reconcile(next))
        }
        PassState::RestStreams(state) => {
            let (rows, next) = rest::step(session, scope, state).await?;
            (rows, PassState::RestStreams(next))
        }
    };
    Ok(Step { rows, next })
}
