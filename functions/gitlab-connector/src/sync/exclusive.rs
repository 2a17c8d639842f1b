//! The right to work on the raw tables, which one process at a time has, and the tables themselves.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::warehouse::{self, Acquired, Lease};
use serde_json::json;

use super::context::{DBT, DBT_OWED};
use super::scopes::Cursors;
use super::{Error, Inner};

/// The lease that keeps syncs apart.
const LEASE: &str = "sync";

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

/// What the table of cursors says if dbt has not run after an earlier sync.
pub(super) fn debt(cursors: &mut Cursors) -> Option<String> {
    let said = cursors.remove(&(DBT.to_owned(), String::new()));
    said.filter(|cursor| cursor.starts_with(DBT_OWED))
}

/// The positions that earlier syncs have committed.
pub(super) async fn committed(inner: &Inner) -> Result<Cursors, Error> {
    let cursors = inner.warehouse.cursors().await?.into_iter();
    Ok(cursors
        .map(|cursor| ((cursor.stream, cursor.scope), cursor.cursor))
        .collect())
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
