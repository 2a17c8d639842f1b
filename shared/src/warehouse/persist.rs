//! Trying again what BigQuery refused for a while.

use std::collections::HashMap;

use backon::{BackoffBuilder, ExponentialBackoff};

use super::error::Error;
use super::refusal::Reason;

/// Calls until it goes well, or another attempt can't help. Only kinds that are `safe` to repeat are.
///
/// # Errors
/// The last one.
pub(super) async fn persist<T, F>(what: &str, safe: impl Fn(Reason) -> bool, call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut waits: HashMap<Reason, Option<ExponentialBackoff>> = HashMap::new();
    loop {
        let error = match call().await {
            Err(error) => error,
            good => return good,
        };
        let kind = error.reason().filter(|kind| safe(*kind));
        let wait = kind.and_then(|kind| {
            let waits = waits
                .entry(kind)
                .or_insert_with(|| kind.policy().map(BackoffBuilder::build));
            waits.as_mut()?.next()
        });
        let Some(wait) = wait else { return Err(error) };
        let wait_ms = wait.as_millis() as u64;
        tracing::warn!(wait_ms, ?kind, "{what} failed: {error}; trying again");
        tokio::time::sleep(wait).await;
    }
}
