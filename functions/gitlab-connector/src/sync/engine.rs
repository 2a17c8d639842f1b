//! Runs a sync from its beginning to its answer.

use std::time::{Duration, Instant};

use mergemind_shared::ApiError;
use mergemind_shared::function::{Shutdown, TraceContext};
use mergemind_shared::warehouse::Lease;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::context::{Context, lock};
use super::exclusive::{committed, debt, under_lease};
use super::owed::run_dbt;
use super::scopes::{Outcome, lists_to_probe, run_scopes};
use super::summary::Summary;
use super::{Error, Inner, Request, Scope, targets};
use crate::{gitlab, streams};

/// How long a request or commit under way may take after SIGTERM. The function waits 8 seconds for its callers, and
/// Cloud Run kills after 10: the rest is for giving the lease back, see `exclusive`.
const GRACE: Duration = Duration::from_secs(5);
/// The same after the deadline, which leaves more room.
const DEADLINE_GRACE: Duration = Duration::from_secs(60);

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
    let summary = match attempt(inner, request, &shutdown).await? {
        // Somebody has dropped it since this process looked.
        Err(error) if error.is_missing_table() => {
            tracing::warn!("{error}; looking after the raw tables and syncing once more");
            inner.tables_ready.forget();
            attempt(inner, request, &shutdown).await??
        }
        outcome => outcome?,
    };
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

async fn attempt(inner: &Inner, request: &Request, shutdown: &Shutdown) -> Result<Result<Summary, Error>, ApiError> {
    under_lease(inner, shutdown, async |lease| {
        Ok(run(inner, request, lease, shutdown.clone()).await)
    })
    .await
}

async fn run(inner: &Inner, request: &Request, lease: Lease, shutdown: Shutdown) -> Result<Summary, Error> {
    let begun = Instant::now();
    inner.client.take_sent();
    let mut cursors = committed(inner).await?;
    let owed = debt(&mut cursors);
    let (targets, options) = (
        request.targets(inner),
        request.narrow(inner.config.options.clone(), &inner.streams),
    );
    let lists = lists_to_probe(&targets::groups(&targets), &cursors, request);
    let instance = gitlab::probe(&inner.client, &inner.streams.types(), &lists).await?;
    let missing_fields = missing_fields(inner, &instance);
    let token_ends = gitlab::TokenFacts::ask(&inner.client).await.ok().flatten();
    let token_ends = token_ends.and_then(|facts| facts.ends_soon(instance.at));
    let mut context = Context::new(
        &options,
        &inner.client,
        &inner.streams,
        &*inner.warehouse,
        instance,
        shutdown,
    );
    context.lease = Some(lease);
    let sync_id = context.sync_id.clone();
    let discovery = inner.config.discovery.as_ref();
    let (scopes, left_out) = targets::scopes(&context, &targets, discovery, !request.scopes.is_empty()).await?;
    for scope in &scopes {
        if let Scope::Projects(projects) = scope {
            lock(&inner.paths).extend(projects.paths.clone());
        }
    }
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
        owed_before: owed.is_some(),
        owed: (tally.written() > 0).then(|| context.owed()).or(owed),
        project_count: lock(&context.paths).len(),
        tally,
        requests: inner.client.take_sent(),
        cursors: outcome.steps,
        warnings,
        missing_fields,
        token_ends,
        absent: std::mem::take(&mut *lock(&context.absent)),
        left_out,
    })
}

fn missing_fields(inner: &Inner, instance: &gitlab::Instance) -> Vec<String> {
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
    missing
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
