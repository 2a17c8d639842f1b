//! Runs a sync from its beginning to its answer.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Mutex;
use std::time::Instant;

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::function::{Shutdown, TraceContext};
use mergemind_shared::warehouse::CursorMove;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::context::{Context, PageSize};
use super::position::Position;
use super::rows::Rows;
use super::summary::{CursorStep, Problem, Summary};
use super::{Error, Inner, Scope, merge_requests, projects};
use crate::{dbt, gitlab};

/// Rows that are gathered at most while a commit is under way: what a killed sync may have to fetch again.
const ENOUGH: usize = 5000;

/// One page: its rows, and the position when they are committed.
pub struct Step {
    pub rows: Rows,
    pub next: Position,
}

/// The two passes over a scope. Each is named after the stream whose cursor it moves.
#[derive(Clone, Copy)]
enum Pass {
    Projects,
    MergeRequests,
}

impl Pass {
    fn stream(self) -> &'static str {
        match self {
            Self::Projects => "pipelines",
            Self::MergeRequests => "merge_requests",
        }
    }

    async fn step(self, context: &Context<'_>, scope: &Scope, position: &Position) -> Result<Step, Error> {
        match self {
            Self::Projects => projects::step(context, scope, position).await,
            Self::MergeRequests => Ok(merge_requests::step(context, scope, position).await?),
        }
    }
}

/// How far a pass came.
struct Progress {
    position: Position,
    cursor: Option<String>,
    complete: bool,
}

pub(super) async fn sync(inner: &Inner, shutdown: Shutdown, trace: TraceContext) -> Result<Value, ApiError> {
    let Ok(_running) = inner.running.try_lock() else {
        return Err(
            ApiError::new(StatusCode::CONFLICT, "sync_running", "a sync is running already")
                .with_hint("call again when it has ended; nothing is lost"),
        );
    };
    let summary = run(inner, shutdown.clone()).await?;
    for problem in &summary.problems {
        tracing::error!(problem = %json!(problem), "a scope could not be synced");
    }
    let answer = summary.to_json(&inner.streams);
    tracing::info!(
        sync_id = summary.sync_id,
        elapsed_s = answer["elapsed_s"].as_f64(),
        requests = answer["gitlab"]["requests"].as_u64(),
        merge_requests = summary.rows("merge_requests").1,
        rows_written = summary.rows_written(),
        lag_s = summary.lag_s(),
        complete = summary.complete,
        "sync {}",
        answer["status"].as_str().unwrap_or_default()
    );
    dbt::run_after(&inner.config, &inner.streams, &summary, answer, &trace, &shutdown).await
}

async fn run(inner: &Inner, shutdown: Shutdown) -> Result<Summary, Error> {
    let begun = Instant::now();
    inner.client.take_sent();
    let instance = gitlab::probe(&inner.client).await?;
    let missing = inner.streams.merge_requests.missing(&instance.merge_request_fields);
    if !missing.is_empty() {
        tracing::warn!(
            ?missing,
            version = instance.version,
            "this GitLab lacks fields; their columns are NULL"
        );
    }
    inner.tables_ready.get_or_try_init(|| ensure_tables(inner)).await?;
    let mut cursors: HashMap<(String, String), String> = inner
        .warehouse
        .cursors()
        .await?
        .into_iter()
        .map(|cursor| ((cursor.stream, cursor.scope), cursor.cursor))
        .collect();
    let first_sync = cursors.is_empty();
    let context = Context {
        inner,
        instance,
        shutdown,
        deadline: begun + inner.config.deadline,
        known_users: Mutex::default(),
        tally: Mutex::default(),
        merge_request_page: PageSize::new(100),
        // In a first sync each project brings a page of pipelines: fewer of them at once.
        project_page: PageSize::new(if first_sync { 20 } else { 100 }),
    };
    let mut steps: BTreeMap<&'static str, Vec<CursorStep>> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut last_error = None;
    let mut complete = true;
    'scopes: for scope in &inner.config.scopes {
        for pass in [Pass::Projects, Pass::MergeRequests] {
            let cursor = cursors.remove(&(pass.stream().to_owned(), scope.to_string()));
            let from = Position::parse(cursor.as_deref()).updated_after;
            match run_pass(&context, pass, scope, cursor).await {
                Ok(progress) => {
                    let step = CursorStep {
                        scope: scope.to_string(),
                        from,
                        to: progress.position.updated_after,
                    };
                    steps.entry(pass.stream()).or_default().push(step);
                    complete &= progress.complete;
                    if !progress.complete {
                        break 'scopes;
                    }
                }
                Err(error) if error.concerns_all() => return Err(error),
                Err(error) => {
                    problems.push(Problem::new(scope, &error));
                    last_error = Some(error);
                    continue 'scopes;
                }
            }
        }
    }
    // If not a single scope could be read, the sync failed.
    if let Some(error) = last_error.filter(|_| problems.len() == inner.config.scopes.len()) {
        return Err(error);
    }
    let tally = context
        .tally
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Summary {
        sync_id: uuid::Uuid::new_v4().to_string(),
        started_at: OffsetDateTime::now_utc() - begun.elapsed(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        base_url: inner.config.gitlab_url.origin().ascii_serialization(),
        instance: context.instance,
        complete,
        tally,
        requests: inner.client.take_sent(),
        cursors: steps,
        problems,
    })
}

async fn ensure_tables(inner: &Inner) -> Result<(), Error> {
    let mut tables: Vec<_> = inner.streams.all().map(|stream| &stream.table).to_vec();
    tables.push(&inner.streams.rejected);
    Ok(inner.warehouse.ensure(&tables).await?)
}

/// Runs a pass to its end. One that a killed sync had begun is finished first, and then, because time
/// has gone by, run once more.
async fn run_pass(context: &Context<'_>, pass: Pass, scope: &Scope, cursor: Option<String>) -> Result<Progress, Error> {
    let resumed = Position::parse(cursor.as_deref()).pass.is_some();
    let progress = run_to_end(context, pass, scope, cursor).await?;
    if resumed && progress.complete {
        return run_to_end(context, pass, scope, progress.cursor).await;
    }
    Ok(progress)
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
        let moved = CursorMove {
            stream: pass.stream().to_owned(),
            scope: scope.to_string(),
            from: cursor,
            to: to.clone(),
            at: position
                .updated_after
                .and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1000).ok()),
        };
        cursor = Some(to);
        let complete = position.pass.is_none();
        let commit = context.commit(step.rows, moved);
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

/// Fetches at least one page after `position` while `commit` is under way.
async fn commit_and_fetch(
    commit: impl Future<Output = Result<(), Error>>,
    context: &Context<'_>,
    pass: Pass,
    scope: &Scope,
    position: Position,
) -> Result<Step, Error> {
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
                done = &mut commit, if !committed => {
                    done?;
                    committed = true;
                }
                fetched = &mut fetch => break fetched?,
            }
        };
        gathered.rows.append(fetched.rows);
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
