//! Reads what webhooks name, writes it, and has dbt run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::{Shutdown, TraceContext};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::gitlab;
use crate::sync::commit::commit;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::read::lookup;
use crate::sync::read::lookup::Refetch;
use crate::sync::report::Summary;
use crate::sync::resources::Resources;
use crate::sync::rows::Rows;
use crate::sync::session::Session;
use crate::sync::{dbt_due, lease, whose};

/// How long what is known of a GitLab's schema is used again.
const INSTANCE_LASTS: Duration = Duration::from_secs(600);
/// How long to wait for a sync that is running, and how often to look.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const LOOK: Duration = Duration::from_secs(2);

/// Reads what these webhooks name and writes it; dbt runs afterwards, without anybody waiting for it.
///
/// # Errors
/// What stopped it; the next sync makes up for it.
pub async fn run(inner: &Arc<Resources>, wanted: &[Refetch], shutdown: Shutdown) -> Result<Value, ApiError> {
    let begun = Instant::now();
    let trace = TraceContext::new_trace();
    let (summary, live) = loop {
        let followed = lease::under_lease(inner, &shutdown, async |lease, mut cursors| {
            whose::check(inner).await?;
            let mut session = Session::new(
                &inner.config.options,
                &inner.client,
                &inner.streams,
                &*inner.warehouse,
                instance(inner).await?,
                shutdown.clone(),
            );
            session.lease = Some(lease);
            let pending = dbt_due::pending(&mut cursors);
            if let Err(error) = fetch(&session, wanted).await {
                if error.is_missing_table() {
                    inner.tables_ready.forget();
                }
                return Err(error.into());
            }
            let summary = Arc::new(summary(inner, session, begun, pending));
            // Whoever waits for a mart does not wait until the lease is given back.
            let live = {
                let (inner, summary) = (inner.clone(), summary.clone());
                let (trace, shutdown) = (trace.clone(), shutdown.clone());
                tokio::spawn(async move { dbt_due::run_live(&inner, &summary, &trace, &shutdown).await })
            };
            Ok((summary, live))
        })
        .await;
        match followed {
            // A sync is running; it may have passed by already what changed.
            Err(error) if error.code() == "sync_running" && begun.elapsed() < PATIENCE && !shutdown.requested() => {
                tokio::time::sleep(LOOK).await;
            }
            other => break other?,
        }
    };
    let answer = summary.to_json(&inner.streams);
    tracing::info!(
        event = "webhooks_followed",
        sync_id = summary.sync_id,
        hints = wanted.len(),
        rows_written = summary.written(),
        elapsed_ms = (summary.elapsed_s * 1_000.0) as u64,
        "followed webhooks"
    );
    let inner = inner.clone();
    let short = json!({"status": "success", "sync_id": summary.sync_id, "rows_written": summary.written()});
    tokio::spawn(async move {
        let _ = live.await;
        if let Err(error) = dbt_due::run_dbt(&inner, &summary, answer, &trace, &shutdown).await {
            tracing::error!("{error}");
        }
    });
    Ok(short)
}

/// Reads what these webhooks name and writes it.
async fn fetch(session: &Session<'_>, wanted: &[Refetch]) -> Result<(), Error> {
    let mut rows = Rows::default();
    lookup::refetch(session, wanted, &mut rows).await?;
    commit(session, rows, None).await
}

/// What this GitLab is; asked anew now and then.
async fn instance(inner: &Resources) -> Result<gitlab::Instance, Error> {
    let known = lock(&inner.instance).clone();
    if let Some((_, instance)) = known.filter(|(at, _)| at.elapsed() < INSTANCE_LASTS) {
        return Ok(instance);
    }
    let instance = gitlab::probe(&inner.client, &inner.streams.types(), &[]).await?;
    *lock(&inner.instance) = Some((Instant::now(), instance.clone()));
    Ok(instance)
}

fn summary(inner: &Resources, session: Session<'_>, begun: Instant, pending: Option<String>) -> Summary {
    let ours = dbt_due::flag_of(&session.sync_id);
    let counters = std::mem::take(&mut *lock(&session.counters));
    Summary {
        sync_id: session.sync_id.clone(),
        started_at: OffsetDateTime::now_utc() - begun.elapsed(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        base_url: inner.config.gitlab_url.origin().ascii_serialization(),
        instance: session.instance,
        complete: true,
        dbt_due_before: pending.is_some(),
        dbt_due: (counters.written() > 0).then_some(ours).or(pending),
        project_count: 0,
        counters,
        changed_rows: lock(&session.changed_rows).to_json(),
        requests: inner.client.take_sent(),
        cursors: std::collections::BTreeMap::new(),
        warnings: Vec::new(),
        missing_fields: Vec::new(),
        token_ends: None,
        absent: std::collections::BTreeMap::new(),
        left_out: 0,
        verified: None,
    }
}
