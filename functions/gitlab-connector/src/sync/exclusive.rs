//! The right to work on the raw tables, which one process at a time has, and the tables themselves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::function::Shutdown;
use mergemind_shared::warehouse::{self, Acquired, Commit, CursorMove, Lease};
use serde_json::json;

use super::context::{DBT, DBT_OWED};
use super::scopes::{Cursors, STREAMS};
use super::{Error, Inner};

/// The lease that keeps syncs apart.
const LEASE: &str = "sync";

/// How long giving the lease back may hold up the answer of a function that is being stopped. With the time that work
/// under way has before (`engine`), the answer still comes within the 8 seconds that callers are waited for.
const RELEASE: Duration = Duration::from_secs(2);

/// Runs `work` while no other process of this connector works on the same tables.
pub(super) async fn under_lease<T>(
    inner: &Inner,
    shutdown: &Shutdown,
    work: impl AsyncFnOnce(Lease) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let Ok(_running) = inner.running.try_lock() else {
        return Err(held(inner.running_for(), None));
    };
    inner.began();
    let acquired = match acquire(inner).await {
        Err(error) if error.is_missing_table() => {
            inner.tables_ready.forget();
            acquire(inner).await?
        }
        acquired => acquired?,
    };
    let lease = match acquired {
        Acquired::Ours(lease) => lease,
        Acquired::Held { age, left } => return Err(held(age, Some(left))),
    };
    let worked = tokio::select! {
        worked = work(lease.clone()) => worked,
        error = keep(inner, &lease) => Err(ApiError::from(Error::from(error))),
    };
    let warehouse = inner.warehouse.clone();
    let released = tokio::spawn(async move {
        if let Err(error) = warehouse.release(&lease).await {
            tracing::warn!("the lease could not be given back and ends by itself: {error}");
        }
    });
    let too_late = async {
        shutdown.wait().await;
        tokio::time::sleep(RELEASE).await;
    };
    tokio::select! {
        _ = released => {}
        () = too_late => tracing::warn!("the lease is still being given back; if that fails, it ends by itself"),
    }
    worked
}

async fn acquire(inner: &Inner) -> Result<Acquired, Error> {
    prepare_tables(inner).await?;
    Ok(inner.warehouse.acquire(LEASE, inner.config.lease).await?)
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

/// Whether the raw tables were looked after in this process.
#[derive(Debug, Default)]
pub(super) struct Ready(tokio::sync::Mutex<bool>, AtomicBool);

impl Ready {
    /// Has them looked after again before the next use: one has turned out to be missing.
    pub(super) fn forget(&self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

/// Makes the raw tables: once in a process, and again after one was missing.
pub(super) async fn prepare_tables(inner: &Inner) -> Result<(), Error> {
    let Ready(ready, forgotten) = &inner.tables_ready;
    let mut ready = ready.lock().await;
    if forgotten.swap(false, Ordering::SeqCst) {
        *ready = false;
    }
    if !*ready {
        ensure_tables(inner).await?;
        *ready = true;
    }
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
    let lacking = inner.warehouse.lacks(&tables).await?;
    let dropped: Vec<&str> = lacking.dropped().collect();
    if !dropped.is_empty() {
        forget_past(inner, &dropped).await?;
    }
    Ok(inner.warehouse.make(lacking).await?)
}

/// Lets streams whose tables are missing count as never read, so that the next sync reads their past again. Before
/// the tables are made: whoever dies in between does it again.
async fn forget_past(inner: &Inner, dropped: &[&str]) -> Result<(), Error> {
    // Users come with whatever refers to them.
    let all = dropped.contains(&"users");
    for ((stream, scope), known) in committed(inner).await? {
        if stream != STREAMS {
            continue;
        }
        let left: Vec<&str> = known
            .split(',')
            .filter(|name| !all && !dropped.contains(name))
            .collect();
        let left = left.join(",");
        if left == known {
            continue;
        }
        tracing::warn!(scope, tables = ?dropped, "raw tables are missing; the next sync makes them anew, with their past");
        let cursor = CursorMove {
            stream,
            scope,
            from: Some(known),
            to: left,
            at: None,
        };
        let commit = Commit {
            cursor: Some(cursor),
            ..Commit::default()
        };
        inner.warehouse.commit(commit).await?;
    }
    Ok(())
}
