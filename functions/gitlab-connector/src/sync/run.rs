//! Runs a sync from its beginning to its answer.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use mergemind_shared::warehouse::Lease;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::config::Options;
use crate::sync::commit::commit;
use crate::sync::dbt_due::run_dbt;
use crate::sync::error::Error;
use crate::sync::lease::under_lease;
use crate::sync::list::{ISSUES, MERGE_REQUESTS};
use crate::sync::lock::lock;
use crate::sync::pass::{ALL, Pass};
use crate::sync::plan::{Due, begin_anew, due, lists_to_probe, note_streams, share};
use crate::sync::report::{CursorStep, Summary};
use crate::sync::request::Request;
use crate::sync::resources::Resources;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Cursors, PassState};
use crate::sync::stop::{BEGINNING_GRACE, too_late};
use crate::sync::tables::committed;
use crate::sync::verified::Verified;
use crate::sync::{bookkeeping, dbt_due, driver, resolve, whose};
use crate::{gitlab, streams};

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
    under_lease(inner, shutdown, async |lease| {
        Ok(run(inner, request, lease, shutdown.clone()).await)
    })
    .await
}

async fn run(inner: &Resources, request: &Request, lease: Lease, shutdown: Shutdown) -> Result<Summary, Error> {
    let begun = Instant::now();
    let (options, only) = request.narrow(inner.config.options.clone(), &inner.streams);
    let deadline = begun + options.deadline;
    let _waiting = inner.client.wait_until(deadline.into());
    tokio::select! {
        outcome = run_until(inner, request, (lease, shutdown), (&options, only), (begun, deadline)) => outcome,
        () = tokio::time::sleep_until((deadline + BEGINNING_GRACE).into()) => {
            Err(gitlab::Error::Unavailable("it did not answer before SYNC_DEADLINE_SECONDS".into()).into())
        }
    }
}

async fn run_until(
    inner: &Resources,
    request: &Request,
    (lease, shutdown): (Lease, Shutdown),
    (options, only): (&Options, Vec<Pass>),
    (begun, deadline): (Instant, Instant),
) -> Result<Summary, Error> {
    whose::check(inner).await?;
    inner.client.take_sent();
    let mut cursors = committed(inner).await?;
    let pending = dbt_due::pending(&mut cursors);
    let targets = request.targets(&inner.config.targets);
    let lists = lists_to_probe(&resolve::groups(&targets), &cursors, request);
    let instance = gitlab::probe(&inner.client, &inner.streams.types(), &lists).await?;
    let missing_fields = missing_fields(inner, &instance);
    let token_ends = gitlab::TokenFacts::ask(&inner.client).await.ok().flatten();
    let token_ends = token_ends.and_then(|facts| facts.ends_soon(instance.at));
    let mut session = Session::new(
        options,
        &inner.client,
        &inner.streams,
        &*inner.warehouse,
        instance,
        shutdown,
    );
    (session.lease, session.only, session.deadline) = (Some(lease), only, deadline);
    let sync_id = session.sync_id.clone();
    let discovery = inner.config.discovery.as_ref();
    let (scopes, left_out) = resolve::scopes(&session, &targets, discovery, !request.scopes.is_empty()).await?;
    for scope in &scopes {
        if let Scope::Projects(projects) = scope {
            lock(&inner.paths).extend(projects.paths.clone());
        }
    }
    let outcome = tokio::select! {
        outcome = run_scopes(&session, &scopes, &mut cursors, request) => outcome?,
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

fn missing_fields(inner: &Resources, instance: &gitlab::Instance) -> Vec<String> {
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

/// Fields that GitLab refused although its schema did not tell that it lacks them.
fn refused_fields(inner: &Resources) -> Vec<String> {
    let unknown = inner.client.unknown_fields();
    let lacks = |stream: &streams::Stream, field: &str| {
        let mut of_type = unknown.iter().filter(|unknown| stream.node_type == Some(&unknown.of));
        of_type.any(|unknown| unknown.name == field)
    };
    let of_stream = |stream: &streams::Stream| {
        let fields = stream.missing(&Default::default());
        let refused = fields.into_iter().filter(|field| lacks(stream, field));
        refused
            .map(|field| format!("{}.{field}", stream.name()))
            .collect::<Vec<_>>()
    };
    inner.streams.all().flat_map(of_stream).collect()
}

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
            Err(error) if session.concerns_all(&error).await => return Err(error),
            Err(error) => {
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
    let ran = run_scope(session, scope, cursors, request, outcome).await;
    if ran.is_ok() && outcome.complete {
        let mut rows = Rows::default();
        bookkeeping::retry(session, &mut rows).await?;
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
