//! The passes of a sync over a scope, and how each one runs: page by page, each committed with its cursor.

use std::future::Future;
use std::time::Duration;

use mergemind_shared::warehouse::CursorMove;
use time::OffsetDateTime;

use super::context::Context;
use super::lists::{self, ISSUES, MERGE_REQUESTS};
use super::position::Position;
use super::rows::Rows;
use super::{Error, Scope, chosen, dimensions, projects, reconcile};
use crate::streams::{Source, Stream};

/// Rows that are gathered at most while a commit is under way: what a killed sync may have to fetch again.
const ENOUGH: usize = 5000;

/// One step: its rows, and the position when they are committed.
pub struct Step<'a> {
    pub rows: Rows<'a>,
    pub next: Position,
}

/// A pass over a scope. Each is named after the stream whose cursor it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Projects, and the pipelines that changed in them.
    Projects,
    /// Merge requests that changed, with all that belongs to them.
    MergeRequests,
    /// Issues that changed.
    Issues,
    /// Groups, labels and milestones, now and then.
    Dimensions,
    /// Open merge requests, changed or not, now and then.
    OpenMergeRequests,
    /// What is gone, and what was missed, now and then.
    Reconcile,
    /// Lists of the REST API, which are synced by choice.
    Chosen,
}

/// In this order: what rows refer to comes as early as it can.
pub const ALL: [Pass; 7] = [
    Pass::Dimensions,
    Pass::Projects,
    Pass::MergeRequests,
    Pass::Issues,
    Pass::OpenMergeRequests,
    Pass::Reconcile,
    Pass::Chosen,
];

impl Pass {
    /// The name of its cursor.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Projects => "pipelines",
            Self::MergeRequests => "merge_requests",
            Self::Issues => "issues",
            Self::Dimensions => "dimensions",
            Self::OpenMergeRequests => "open_merge_requests",
            Self::Reconcile => "reconcile",
            Self::Chosen => "chosen",
        }
    }

    /// The pass that reads a stream; `None` for users, who come with whatever refers to them.
    pub fn of(stream: &Stream) -> Option<Self> {
        if let Source::Rest(_) = stream.source {
            return Some(Self::Chosen);
        }
        match stream.name() {
            "projects" | "pipelines" => Some(Self::Projects),
            "groups" | "labels" | "milestones" => Some(Self::Dimensions),
            "issues" | "issue_notes" => Some(Self::Issues),
            "users" => None,
            _ => Some(Self::MergeRequests),
        }
    }

    /// Whether it has anything to do.
    pub fn is_wanted(self, context: &Context<'_>) -> bool {
        let only = &context.options.only;
        if !only.is_empty() && !only.contains(&self) {
            return false;
        }
        match self {
            Self::Projects => context.on("projects") || context.on("pipelines"),
            Self::MergeRequests | Self::OpenMergeRequests => context.on("merge_requests"),
            Self::Issues => context.on("issues"),
            Self::Dimensions => ["groups", "labels", "milestones"]
                .iter()
                .any(|stream| context.on(stream)),
            Self::Reconcile => context.on("projects"),
            Self::Chosen => context.streams.rest().any(|(stream, _)| context.on(stream.name())),
        }
    }

    /// How long after its last run it runs again; `None`: in every sync.
    pub fn every(self, context: &Context<'_>) -> Option<Duration> {
        match self {
            Self::Projects | Self::MergeRequests | Self::Issues | Self::Chosen => None,
            Self::Dimensions => Some(context.options.dimensions_every),
            Self::OpenMergeRequests => Some(context.options.refresh_every),
            Self::Reconcile => Some(context.options.reconcile_every),
        }
    }

    async fn step<'a>(self, context: &Context<'a>, scope: &Scope, position: &Position) -> Result<Step<'a>, Error> {
        match self {
            Self::Projects => projects::step(context, scope, position).await,
            Self::MergeRequests => lists::step(context, &MERGE_REQUESTS, scope, position).await,
            Self::Issues => lists::step(context, &ISSUES, scope, position).await,
            Self::Dimensions => dimensions::step(context, scope, position).await,
            Self::OpenMergeRequests => lists::refresh_step(context, &MERGE_REQUESTS, scope, position).await,
            Self::Reconcile => reconcile::step(context, scope, position).await,
            Self::Chosen => chosen::step(context, scope, position).await,
        }
    }
}

/// How far a pass came.
pub struct Progress {
    pub position: Position,
    pub cursor: Option<String>,
    pub complete: bool,
}

/// Runs a pass to its end. One that an earlier sync had begun is finished first, and then, because time
/// has gone by, run once more if it runs in every sync.
pub async fn run(context: &Context<'_>, pass: Pass, scope: &Scope, cursor: Option<String>) -> Result<Progress, Error> {
    let resumed = Position::parse(cursor.as_deref()).pass.is_some();
    let progress = run_to_end(context, pass, scope, cursor).await?;
    if resumed && progress.complete && pass.every(context).is_none() && !context.must_stop() {
        return run_to_end(context, pass, scope, progress.cursor).await;
    }
    Ok(progress)
}

/// Counts a pass as done at `at` without doing it.
pub async fn skip(
    context: &Context<'_>,
    pass: Pass,
    scope: &Scope,
    cursor: Option<String>,
    at: OffsetDateTime,
) -> Result<String, Error> {
    let position = Position {
        updated_after: Some(at),
        ..Position::default()
    };
    put(context, pass, scope, cursor, &position).await
}

/// Lets a pass begin as if it had never run.
pub async fn reset(context: &Context<'_>, pass: Pass, scope: &Scope, cursor: String) -> Result<String, Error> {
    put(context, pass, scope, Some(cursor), &Position::default()).await
}

/// Moves the cursor of a pass.
pub async fn put(
    context: &Context<'_>,
    pass: Pass,
    scope: &Scope,
    from: Option<String>,
    to: &Position,
) -> Result<String, Error> {
    context
        .commit(Rows::default(), Some(moved(pass, scope, from, to)))
        .await?;
    Ok(to.to_cursor())
}

/// Page by page. While one commit is under way the next pages are fetched, and what has come when it ends
/// is committed together: a slow warehouse gets few large commits, a fast one many small ones.
async fn run_to_end(
    context: &Context<'_>,
    pass: Pass,
    scope: &Scope,
    mut cursor: Option<String>,
) -> Result<Progress, Error> {
    let mut step = pass.step(context, scope, &Position::parse(cursor.as_deref())).await?;
    loop {
        let position = step.next.clone();
        let to = position.to_cursor();
        let moved = moved(pass, scope, cursor, &position);
        cursor = Some(to);
        let complete = position.pass.is_none();
        let commit = context.commit(step.rows, Some(moved));
        if complete || context.must_stop() {
            commit.await?;
            return Ok(Progress {
                position,
                cursor,
                complete,
            });
        }
        step = commit_and_fetch(commit, context, pass, scope, position).await?;
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
    context: &Context<'a>,
    pass: Pass,
    scope: &Scope,
    position: Position,
) -> Result<Step<'a>, Error> {
    if matches!(pass, Pass::Reconcile | Pass::Chosen) {
        commit.await?;
        return pass.step(context, scope, &position).await;
    }
    tokio::pin!(commit);
    let mut committed = false;
    let mut gathered = Step {
        rows: Rows::default(),
        next: position,
    };
    loop {
        let after = gathered.next.clone();
        let fetch = pass.step(context, scope, &after);
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
        gathered.rows.append(fetched.rows, context.streams);
        gathered.next = fetched.next;
        let enough = gathered.rows.len() >= ENOUGH || gathered.next.pass.is_none() || context.must_stop();
        if committed || enough {
            if !committed {
                commit.await?;
            }
            return Ok(gathered);
        }
    }
}
