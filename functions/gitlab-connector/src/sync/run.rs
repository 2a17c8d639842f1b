//! Runs a sync from its beginning to its answer.

use std::time::Instant;

use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use mergemind_shared::warehouse::Lease;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::gitlab;
use crate::sync::dbt_due::run_dbt;
use crate::sync::error::Error;
use crate::sync::lease::under_lease;
use crate::sync::lock::lock;
use crate::sync::missing_fields::{missing_fields, refused_fields};
use crate::sync::passes::{ScopesOutcome, run_scopes};
use crate::sync::plan::lists_to_probe;
use crate::sync::read_limit::ReadLimit;
use crate::sync::report::Summary;
use crate::sync::request::Request;
use crate::sync::resources::Resources;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::Cursors;
use crate::sync::stop::too_late;
use crate::sync::{dbt_due, resolve, whose};

/// A whole sync, and dbt after it.
///
/// # Errors
/// What the caller is to be told: see docs/api.md.
pub async fn sync(
    inner: &Resources,
    request: &Request,
    shutdown: Shutdown,
    trace: TraceContext,
) -> Result<Value, ApiError> {
    let (summary, answer) = sync_only(inner, request, shutdown.clone()).await?;
    run_dbt(inner, &summary, answer, &trace, &shutdown).await
}

/// A sync without dbt: what it did, also as JSON.
///
/// # Errors
/// What the caller is to be told: see docs/api.md.
pub async fn sync_only(inner: &Resources, request: &Request, shutdown: Shutdown) -> Result<(Summary, Value), ApiError> {
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
        tracing::warn!(event = "token_expires", "{warning}");
    }
    for problem in &summary.warnings {
        tracing::error!(event = "not_synced", problem = %json!(problem), "something could not be synced");
    }
    let answer = summary.to_json(&inner.streams);
    tracing::info!(
        event = "sync_ended",
        sync_id = summary.sync_id,
        status = answer["status"].as_str(),
        elapsed_ms = (summary.elapsed_s * 1_000.0) as u64,
        requests = answer["gitlab"]["requests"].as_u64(),
        rows_written = summary.written(),
        rejected = answer["rejected"].as_u64(),
        lag_ms = summary.lag_s().map(|lag| (lag * 1_000.0) as u64),
        complete = summary.complete,
        "sync {}",
        answer["status"].as_str().unwrap_or_default()
    );
    Ok((summary, answer))
}

async fn attempt(
    inner: &Resources,
    request: &Request,
    shutdown: &Shutdown,
) -> Result<Result<Summary, Error>, ApiError> {
    under_lease(inner, shutdown, async |lease, cursors| {
        Ok(run(inner, request, (lease, cursors), shutdown.clone()).await)
    })
    .await
}

async fn run(
    inner: &Resources,
    request: &Request,
    begin: (Lease, Cursors),
    shutdown: Shutdown,
) -> Result<Summary, Error> {
    let begun = Instant::now();
    let (options, only) = request.narrow(inner.config.options.clone(), &inner.streams);
    let deadline = begun + options.deadline;
    let reads = ReadLimit::of(options.deadline);
    let _waiting = inner.client.wait_until(deadline.into());
    let (lease, mut cursors) = begin;
    let pending = dbt_due::pending(&mut cursors);
    let targets = request.targets(&inner.config.targets);
    let lists = lists_to_probe(&resolve::groups(&targets), &cursors, request);
    let (instance, token_facts) = reads.hold(ask_about(inner, request, &lists)).await?;
    let missing_fields = missing_fields(inner, &instance);
    let token_ends = token_facts.and_then(|facts| facts.ends_soon(instance.at));
    let mut session = Session::new(
        &options,
        &inner.client,
        &inner.streams,
        &*inner.warehouse,
        instance,
        shutdown,
    );
    (session.lease, session.only) = (Some(lease), only);
    (session.deadline, session.reads) = (deadline, reads);
    let sync_id = session.sync_id.clone();
    let discovery = inner.config.discovery.as_ref();
    let mut left_out = 0;
    let passes = async {
        let resolving = resolve::scopes(&session, &targets, discovery, !request.scopes.is_empty());
        let (scopes, of_discovered) = session.reads.hold(resolving).await?;
        left_out = of_discovered;
        for scope in &scopes {
            if let Scope::Projects(projects) = scope {
                lock(&inner.paths).extend(projects.paths.clone());
            }
        }
        run_scopes(&session, &scopes, &mut cursors, request).await
    };
    let outcome = tokio::select! {
        outcome = passes => match outcome {
            Err(Error::TooLate) => ScopesOutcome::default(),
            outcome => outcome?,
        },
        () = too_late(&session) => {
            tracing::warn!("stopped in the middle of a step, which the next sync does again");
            ScopesOutcome::default()
        }
    };
    let mut missing_fields = missing_fields;
    missing_fields.extend(refused_fields(inner));
    let warnings = std::mem::take(&mut *lock(&session.warnings));
    let counters = std::mem::take(&mut *lock(&session.counters));
    Ok(Summary {
        sync_id,
        started_at: OffsetDateTime::now_utc() - begun.elapsed(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        base_url: inner.config.gitlab_url.origin().ascii_serialization(),
        instance: session.instance.clone(),
        complete: outcome.complete,
        dbt_due_before: pending.is_some(),
        dbt_due: (counters.written() > 0)
            .then(|| dbt_due::flag_of(&session.sync_id))
            .or(pending),
        project_count: lock(&session.paths).len(),
        counters,
        changed_rows: lock(&session.changed_rows).to_json(),
        requests: inner.client.take_sent(),
        cursors: outcome.steps,
        warnings,
        missing_fields,
        token_ends,
        absent: std::mem::take(&mut *lock(&session.absent)),
        left_out,
        verified: lock(&session.verified).take(),
    })
}

/// What GitLab and the token are, and which lists have changed.
///
/// # Errors
/// If GitLab can't be asked, or is not the one of the raw tables.
async fn ask_about(
    inner: &Resources,
    request: &Request,
    lists: &[gitlab::Changed],
) -> Result<(gitlab::Instance, Option<gitlab::TokenFacts>), Error> {
    whose::check(inner).await?;
    inner.client.take_sent();
    let instance = gitlab::probe(&inner.client, &inner.streams.types(), lists).await?;
    // A comparison is to cost little.
    let token_facts = match request.verify {
        true => None,
        false => gitlab::TokenFacts::ask(&inner.client).await.ok().flatten(),
    };
    Ok((instance, token_facts))
}
