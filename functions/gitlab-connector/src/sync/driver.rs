//! The passes of a sync over a scope, and how each one runs: page by page, each committed with its cursor.

use std::future::Future;

use mergemind_shared::warehouse::CursorMove;
use time::OffsetDateTime;

use crate::sync::commit::commit;
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, MERGE_REQUESTS};
use crate::sync::pass::{Pass, Step};
use crate::sync::read::{changes, projects, reconcile, rest, snapshot};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::Position;

/// Rows that are gathered at most while a commit is under way: what a killed sync may have to fetch again.
const ENOUGH: usize = 5000;

/// How far a pass came.
pub struct Progress {
    pub position: Position,
    pub cursor: Option<String>,
    pub complete: bool,
}

/// Runs a pass to its end. One that an earlier sync had begun is finished first, and then, because time
/// has gone by, run once more if it runs in every sync.
pub async fn run(session: &Session<'_>, pass: Pass, scope: &Scope, cursor: Option<String>) -> Result<Progress, Error> {
    let resumed = Position::parse(cursor.as_deref()).pass.is_some();
    let progress = run_to_end(session, pass, scope, cursor).await?;
    if resumed && progress.complete && pass.every(session.options).is_none() && !session.must_stop() {
        return run_to_end(session, pass, scope, progress.cursor).await;
    }
    Ok(progress)
}

/// Counts a pass as done at `at` without doing it.
pub async fn skip(
    session: &Session<'_>,
    pass: Pass,
    scope: &Scope,
    cursor: Option<String>,
    at: OffsetDateTime,
) -> Result<String, Error> {
    let position = Position {
        updated_after: Some(at),
        ..Position::default()
    };
    put(session, pass, scope, cursor, &position).await
}

/// Lets a pass begin as if it had never run.
pub async fn reset(session: &Session<'_>, pass: Pass, scope: &Scope, cursor: String) -> Result<String, Error> {
    put(session, pass, scope, Some(cursor), &Position::default()).await
}

/// Moves the cursor of a pass.
pub async fn put(
    session: &Session<'_>,
    pass: Pass,
    scope: &Scope,
    from: Option<String>,
    to: &Position,
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
) -> Result<Progress, Error> {
    let mut step = step(session, pass, scope, &Position::parse(cursor.as_deref())).await?;
    loop {
        let position = step.next.clone();
        let to = position.to_cursor();
        let moved = moved(pass, scope, cursor, &position);
        cursor = Some(to);
        let complete = position.pass.is_none();
        let commit = commit(session, step.rows, Some(moved));
        if complete || session.must_stop() {
            commit.await?;
            return Ok(Progress {
                position,
                cursor,
                complete,
            });
        }
        step = commit_and_fetch(commit, session, pass, scope, position).await?;
    }
}

fn moved(pass: Pass, scope: &Scope, from: Option<String>, to: &Position) -> CursorMove {
    CursorMove {
        stream: pass.stream().to_owned(),
        scope: scope.to_string(),
        from,
        to: to.to_cursor(),
        at: to
            .updated_after
            .and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1000).ok()),
    }
}

/// Fetches at least one page after `position` while `commit` is under way. A pass that compares with what
/// is in the warehouse waits for the commit first.
async fn commit_and_fetch<'a>(
    commit: impl Future<Output = Result<(), Error>>,
    session: &Session<'a>,
    pass: Pass,
    scope: &Scope,
    position: Position,
) -> Result<Step<'a>, Error> {
    if matches!(pass, Pass::Reconcile | Pass::RestStreams) {
        commit.await?;
        return step(session, pass, scope, &position).await;
    }
    tokio::pin!(commit);
    let mut committed = false;
    let mut gathered = Step {
        rows: Rows::default(),
        next: position,
    };
    loop {
        let after = gathered.next.clone();
        let fetch = step(session, pass, scope, &after);
        tokio::pin!(fetch);
        let fetched = loop {
            tokio::select! {
                // In this order, so that a seed lives the same history twice.
                biased;
                done = &mut commit, if !committed => {
                    done?;
                    committed = true;
                }
                fetched = &mut fetch => break fetched?,
            }
        };
        gathered.rows.append(fetched.rows, session.streams);
        gathered.next = fetched.next;
        let enough = gathered.rows.len() >= ENOUGH || gathered.next.pass.is_none() || session.must_stop();
        if committed || enough {
            if !committed {
                commit.await?;
            }
            return Ok(gathered);
        }
    }
}

/// Reads the next step of a pass.
async fn step<'a>(session: &Session<'a>, pass: Pass, scope: &Scope, position: &Position) -> Result<Step<'a>, Error> {
    match pass {
        Pass::Projects => projects::step(session, scope, position).await,
        Pass::MergeRequests => changes::step(session, &MERGE_REQUESTS, scope, position).await,
        Pass::Issues => changes::step(session, &ISSUES, scope, position).await,
        Pass::Dimensions => snapshot::step(session, scope, position).await,
        Pass::OpenMergeRequests => changes::refresh_step(session, &MERGE_REQUESTS, scope, position).await,
        Pass::Reconcile => reconcile::step(session, scope, position).await,
        Pass::RestStreams => rest::step(session, scope, position).await,
    }
}
