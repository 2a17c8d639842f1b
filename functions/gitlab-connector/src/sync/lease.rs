//! The sync lease: one process at a time works on the raw tables.

use std::time::Duration;

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::Shutdown;
use mergemind_shared::warehouse::{self, Acquired, Cursor, Lease, LeaseGuard};
use serde_json::json;

use crate::sync::error::Error;
use crate::sync::resources::Resources;
use crate::sync::state::Cursors;
use crate::sync::tables::{by_stream, prepare_tables};

/// The lease that keeps syncs apart.
const LEASE: &str = "sync";

/// How long giving the lease back may hold up the answer of a function that is being stopped. With the time that work
/// under way has before (`engine`), the answer still comes within the 8 seconds that callers are waited for.
const RELEASE: Duration = Duration::from_secs(2);

/// Runs `work` while no other process of this connector works on the same tables; it is given the positions that earlier syncs have
/// committed.
///
/// # Errors
/// 409 while another process holds the lease; 502 if the warehouse fails; or what `work` returns.
pub async fn under_lease<T>(
    inner: &Resources,
    shutdown: &Shutdown,
    work: impl AsyncFnOnce(Lease, Cursors) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let Some(_running) = inner.running.begin() else {
        return Err(held(inner.running.age(), None));
    };
    let acquired = match acquire(inner).await {
        Err(error) if error.is_missing_table() => {
            inner.tables_ready.forget();
            acquire(inner).await?
        }
        acquired => acquired?,
    };
    let (lease, cursors) = match acquired {
        (Acquired::Ours(lease), cursors) => (lease, by_stream(cursors)),
        (Acquired::Held { age, left }, _) => return Err(held(age, Some(left))),
    };
    let guard = LeaseGuard::hold(inner.warehouse.clone(), lease);
    let worked = tokio::select! {
        worked = work(guard.lease().clone(), cursors) => worked,
        () = guard.lost().cancelled() => Err(Error::from(warehouse::Error::LeaseLost).into()),
    };
    let released = tokio::spawn(async move {
        if let Err(error) = guard.release().await {
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

async fn acquire(inner: &Resources) -> Result<(Acquired, Vec<Cursor>), Error> {
    prepare_tables(inner).await?;
    Ok(inner.warehouse.acquire_and_read(LEASE, inner.config.lease).await?)
}

fn held(age: Duration, left: Option<Duration>) -> ApiError {
    let since = format!("a sync has been running for {} s", age.as_secs());
    let error = ApiError::new(StatusCode::CONFLICT, "sync_running", since);
    let details = json!({"age_s": age.as_secs(), "lease_left_s": left.map(|left| left.as_secs())});
    error
        .with_hint("call again when it has ended; nothing is lost. If its process is dead, its lease ends by itself")
        .with_details(details)
}
