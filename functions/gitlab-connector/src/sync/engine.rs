//! Runs a sync from its beginning to its answer.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::function::{Shutdown, TraceContext};
use mergemind_shared::warehouse::{self, Acquired, Commit, CursorMove, Lease};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::context::{Context, DBT, DBT_OWED, lock};
use super::lists::{ISSUES, MERGE_REQUESTS};
use super::passes::{self, Pass};
use super::position::Position;
use super::summary::{CursorStep, Summary};
use super::{Error, Inner, Request, Scope};
use crate::gitlab::{self, Changed};
use crate::{dbt, streams};

/// The lease that keeps syncs apart.
const LEASE: &str = "sync";
/// How long a request or commit under way may take after SIGTERM; Cloud Run kills after 10 seconds.
const GRACE: Duration = Duration::from_secs(7);
/// The same after the deadline, which leaves more room.
const DEADLINE_GRACE: Duration = Duration::from_secs(60);

/// Committed positions, by stream and scope.
pub type Cursors = HashMap<(String, String), String>;

pub(super) async fn sync(
    inner: &Inner,
    request: &Request,
    shutdown: Shutdown,
    trace: TraceContext,
) -> Result<Value, ApiError> {
    let (summary, answer) = sync_only(inner, request, shutdown.clone()).await?;
    run_dbt(inner, &summary, answer, &trace, &shutdown).await
}

/// A sync without dbt: what it did, also as JSON.
pub(super) async fn sync_only(
    inner: &Inner,
    request: &Request,
    shutdown: Shutdown,
) -> Result<(Summary, Value), ApiError> {
    request.check(inner)?;
    let summary = under_lease(inner, async |lease| {
        run(inner, request, lease, shutdown.clone())
            .await
            .map_err(ApiError::from)
    })
    .await?;
    if let Some(warning) = &summary.token_ends {
        tracing::warn!("{warning}");
    }
    for problem in &summary.warnings {
        tracing::error!(problem = %json!(problem), "something could not be synced");
    }
    let answer = summary.to_json(&inner.streams);
    tracing::info!(
        sync_id = summary.sync_id,
        elapsed_s = answer["elapsed_s"].as_f64(),
        requests = answer["gitlab"]["requests"].as_u64(),
        rows_written = summary.written(),
        rejected = answer["rejected"].as_u64(),
        lag_s = summary.lag_s(),
        complete = summary.complete,
        "sync {}",
        answer["status"].as_str().unwrap_or_default()
    );
    Ok((summary, answer))
}

/// Has dbt run if rows moved, now or in a sync after which it had not run, and adds its answer.
///
/// # Errors
/// 502 `dbt_failed` if dbt failed or could not be called; the details hold the whole answer, since the
/// sync itself is committed. The next sync then calls dbt again.
pub(super) async fn run_dbt(
    inner: &Inner,
    summary: &Summary,
    mut answer: Value,
    trace: &TraceContext,
    shutdown: &Shutdown,
) -> Result<Value, ApiError> {
    let Some(trigger) = &inner.config.dbt else {
        answer["dbt"] = json!({"status": "skipped", "reason": "DBT_TRIGGER_URL is not set"});
        return Ok(answer);
    };
    let Some(owed) = &summary.owed else {
        answer["dbt"] = json!({"status": "skipped", "reason": "nothing changed"});
        return Ok(answer);
    };
    let info = json!({
        "sync_id": summary.sync_id,
        "sync_time": answer["started_at"],
        "project_count": summary.project_count,
        "interval_hours": inner.config.interval_hours,
        "changed_tables": summary.changed_tables(&inner.streams),
    });
    let (ok, said) = dbt::run(trigger, &info, trace, shutdown).await;
    let message = said["message"]
        .as_str()
        .unwrap_or("dbt-trigger gave no reason")
        .to_owned();
    answer["dbt"] = said;
    if !ok {
        let error = ApiError::new(
            StatusCode::BAD_GATEWAY,
            "dbt_failed",
            format!("the sync is committed, but dbt failed: {message}"),
        );
        return Err(error
            .with_hint("mend what dbt names and call dbt-trigger, or wait for the next sync, which calls it again: no data is lost")
            .with_details(answer));
    }
    forget_dbt(inner, owed).await;
    Ok(answer)
}

/// Notes that dbt has run. If another sync has moved rows meanwhile, its own call is still owed.
async fn forget_dbt(inner: &Inner, owed: &str) {
    let cursor = CursorMove {
        stream: DBT.into(),
        scope: String::new(),
        from: Some(owed.to_owned()),
        to: "done".into(),
        at: None,
    };
    let commit = Commit {
        cursor: Some(cursor),
        ..Commit::default()
    };
    match inner.warehouse.commit(commit).await {
        Ok(_) | Err(warehouse::Error::CursorMoved) => {}
        Err(error) => tracing::warn!("that dbt has run could not be noted, so the next sync has it run again: {error}"),
    }
}

/// Runs `work` while no other process of this connector works on the same tables.
pub(super) async fn under_lease<T>(
    inner: &Inner,
    work: impl AsyncFnOnce(Lease) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let Ok(_running) = inner.running.try_lock() else {
        return Err(held(inner.running_for(), None));
    };
    inner.began();
    prepare_tables(inner).await?;
    let ttl = inner.config.lease;
    let acquired = inner.warehouse.acquire(LEASE, ttl).await.map_err(Error::from)?;
    let lease = match acquired {
        Acquired::Ours(lease) => lease,
        Acquired::Held { age, left } => return Err(held(age, Some(left))),
    };
    let worked = tokio::select! {
        worked = work(lease.clone()) => worked,
        error = keep(inner, &lease) => Err(ApiError::from(Error::from(error))),
    };
    if let Err(error) = inner.warehouse.release(&lease).await {
        tracing::warn!("the lease could not be given back and ends by itself: {error}");
    }
    worked
}

/// Renews the lease for as long as it is awaited; ends when that failed for a whole lifetime.
async fn keep(inner: &Inner, lease: &Lease) -> warehouse::Error {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(lease.ttl() / 3).await;
        match inner.warehouse.renew(lease).await {
            Ok(()) => renewed = Instant::now(),
            Err(error) if renewed.elapsed() >= lease.ttl() => return error,
            Err(error) => tracing::warn!("the lease could not be renewed; trying again: {error}"),
        }
    }
}

fn held(age: Duration, left: Option<Duration>) -> ApiError {
    let since = format!("a sync has been running for {} s", age.as_secs());
    let error = ApiError::new(StatusCode::CONFLICT, "sync_running", since);
    let details = json!({"age_s": age.as_secs(), "lease_left_s": left.map(|left| left.as_secs())});
    error
        .with_hint("call again when it has ended; nothing is lost. If its process is dead, its lease ends by itself")
        .with_details(details)
}

async fn run(inner: &Inner, request: &Request, lease: Lease, shutdown: Shutdown) -> Result<Summary, Error> {
    let begun = Instant::now();
    inner.client.take_sent();
    let mut cursors: Cursors = inner
        .warehouse
        .cursors()
        .await?
        .into_iter()
        .map(|cursor| ((cursor.stream, cursor.scope), cursor.cursor))
        .collect();
    let owed = cursors.remove(&(DBT.to_owned(), String::new()));
    let owed = owed.filter(|cursor| cursor.starts_with(DBT_OWED));
    let (scopes, options) = (request.scopes(inner), request.options(inner));
    let lists = lists_to_probe(&scopes, &cursors);
    let instance = gitlab::probe(&inner.client, &inner.streams.types(), &lists).await?;
    warn_of_missing_fields(inner, &instance);
    let token_ends = gitlab::TokenFacts::ask(&inner.client).await.ok().flatten();
    let token_ends = token_ends.and_then(|facts| facts.ends_soon(instance.at));
    let mut context = Context::new(
        &options,
        &inner.client,
        &inner.streams,
        &inner.warehouse,
        instance,
        shutdown,
    );
    context.lease = Some(lease);
    let sync_id = context.sync_id.clone();
    let scopes = match &inner.config.discovery {
        Some(discovery) if request.scopes.is_empty() => super::discovery::find(&context, discovery).await?,
        _ => scopes,
    };
    let outcome = tokio::select! {
        outcome = run_scopes(&context, &scopes, &mut cursors, request) => outcome?,
        () = too_late(&context) => {
            tracing::warn!("stopped in the middle of a step, which the next sync does again");
            Outcome::default()
        }
    };
    let warnings = std::mem::take(&mut *lock(&context.warnings));
    let tally = std::mem::take(&mut *lock(&context.tally));
    Ok(Summary {
        sync_id,
        started_at: OffsetDateTime::now_utc() - begun.elapsed(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        base_url: inner.config.gitlab_url.origin().ascii_serialization(),
        instance: context.instance.clone(),
        complete: outcome.complete,
        owed: (tally.written() > 0).then(|| context.owed()).or(owed),
        project_count: lock(&context.paths).len(),
        tally,
        requests: inner.client.take_sent(),
        cursors: outcome.steps,
        warnings,
        token_ends,
        absent: std::mem::take(&mut *lock(&context.absent)),
    })
}

/// What came of the scopes.
#[derive(Default)]
pub struct Outcome {
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
    context: &Context<'_>,
    scopes: &[Scope],
    cursors: &mut Cursors,
    request: &Request,
) -> Result<Outcome, Error> {
    lock(&context.unchanged).extend(context.instance.unchanged.iter().cloned());
    let mut outcome = Outcome {
        complete: true,
        ..Outcome::default()
    };
    let (mut failed, mut last_error) = (0, None);
    for scope in scopes {
        match run_scope(context, scope, cursors, request, &mut outcome).await {
            Ok(()) if outcome.complete => {}
            Ok(()) => break,
            Err(error) if error.concerns_all() => return Err(error),
            Err(error) => {
                context.warn(scope, "the scope", &error);
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

async fn run_scope(
    context: &Context<'_>,
    scope: &Scope,
    cursors: &mut Cursors,
    request: &Request,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let key = |pass: Pass| (pass.stream().to_owned(), scope.to_string());
    if request.full_refresh {
        for pass in passes::ALL {
            if let Some(cursor) = cursors.remove(&key(pass)) {
                let begin = passes::reset(context, pass, scope, cursor).await?;
                cursors.insert(key(pass), begin);
            }
        }
    }
    let first = cursors
        .get(&key(Pass::MergeRequests))
        .is_none_or(|cursor| Position::parse(Some(cursor)).updated_after.is_none());
    let mut dimensions_done = false;
    for pass in passes::ALL {
        if !pass.is_wanted(context) {
            continue;
        }
        let cursor = cursors.get(&key(pass)).cloned();
        match due(context, pass, cursor.as_deref(), first, request) {
            Due::No => continue,
            Due::Skip => {
                let at = passes::skip(context, pass, scope, cursor, context.instance.at).await?;
                cursors.insert(key(pass), at);
                continue;
            }
            Due::Yes => {}
        }
        run_pass(context, pass, scope, cursors, outcome).await?;
        dimensions_done |= pass == Pass::Dimensions;
        if !outcome.complete {
            return Ok(());
        }
        let facts = ["merge_requests", "issues", "mr_labels"];
        if pass == Pass::Issues
            && !dimensions_done
            && ["labels", "milestones"].iter().all(|stream| context.on(stream))
            && facts.iter().any(|table| lock(&context.tally).written_to(table) > 0)
            && context.sink.dangles().await?
        {
            run_pass(context, Pass::Dimensions, scope, cursors, outcome).await?;
        }
    }
    Ok(())
}

async fn run_pass(
    context: &Context<'_>,
    pass: Pass,
    scope: &Scope,
    cursors: &mut Cursors,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let key = (pass.stream().to_owned(), scope.to_string());
    let cursor = cursors.get(&key).cloned();
    let from = Position::parse(cursor.as_deref()).updated_after;
    let progress = passes::run(context, pass, scope, cursor).await?;
    outcome.steps.entry(pass.stream()).or_default().push(CursorStep {
        scope: scope.to_string(),
        from,
        to: progress.position.updated_after,
    });
    outcome.complete &= progress.complete;
    if let Some(cursor) = progress.cursor {
        cursors.insert(key, cursor);
    }
    Ok(())
}

/// Whether a pass is to run in this sync.
enum Due {
    Yes,
    No,
    /// What it would find was just read by the others.
    Skip,
}

fn due(context: &Context<'_>, pass: Pass, cursor: Option<&str>, first: bool, request: &Request) -> Due {
    let Some(every) = pass.every(context) else {
        return Due::Yes;
    };
    let position = Position::parse(cursor);
    let forced = request.reconcile;
    if forced || position.pass.is_some() {
        return Due::Yes;
    }
    match position.updated_after {
        None if first && matches!(pass, Pass::Reconcile | Pass::OpenMergeRequests) => Due::Skip,
        None => Due::Yes,
        Some(last) if context.instance.at - last >= every => Due::Yes,
        Some(_) => Due::No,
    }
}

/// Lists whose last pass has ended: they may have no change since.
pub fn lists_to_probe(scopes: &[Scope], cursors: &Cursors) -> Vec<Changed> {
    let mut lists = Vec::new();
    for scope in scopes {
        for list in [&MERGE_REQUESTS, &ISSUES] {
            let cursor = cursors.get(&(list.stream.to_owned(), scope.to_string()));
            let position = Position::parse(cursor.map(String::as_str));
            if let (Some(since), None) = (position.updated_after, &position.pass) {
                lists.push(Changed {
                    stream: list.stream,
                    field: list.field,
                    scope: scope.to_string(),
                    path: scope.path().to_owned(),
                    group: matches!(scope, Scope::Group(_)),
                    since,
                });
            }
        }
    }
    lists
}

fn warn_of_missing_fields(inner: &Inner, instance: &gitlab::Instance) {
    let missing: Vec<String> = inner
        .streams
        .all()
        .flat_map(|stream: &streams::Stream| {
            let known = stream.node_type.and_then(|name| instance.fields.get(name));
            let missing = known.map(|known| stream.missing(known)).unwrap_or_default();
            missing.into_iter().map(|field| format!("{}.{field}", stream.name()))
        })
        .collect();
    if !missing.is_empty() {
        tracing::warn!(
            ?missing,
            version = instance.version,
            "this GitLab lacks fields; their columns are NULL"
        );
    }
}

/// Makes the raw tables, once in a process.
pub(super) async fn prepare_tables(inner: &Inner) -> Result<(), Error> {
    inner.tables_ready.get_or_try_init(|| ensure_tables(inner)).await?;
    Ok(())
}

async fn ensure_tables(inner: &Inner) -> Result<(), Error> {
    let mut tables: Vec<_> = inner
        .streams
        .all()
        .filter(|stream| stream.usual || inner.config.options.on(stream.name()))
        .map(|stream| &stream.table)
        .collect();
    tables.push(&inner.streams.rejected);
    Ok(inner.warehouse.ensure(&tables).await?)
}

/// Ends when a sync must not go on even to its next checkpoint.
async fn too_late(context: &Context<'_>) {
    let deadline = tokio::time::Instant::from_std(context.deadline);
    tokio::select! {
        () = async {
            context.shutdown.wait().await;
            tokio::time::sleep(GRACE).await;
        } => {}
        () = tokio::time::sleep_until(deadline + DEADLINE_GRACE) => {}
    }
}
