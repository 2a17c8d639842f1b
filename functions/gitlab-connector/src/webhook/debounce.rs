//! A burst of webhooks becomes one look at GitLab.

use std::time::Duration;

use mergemind_shared::ApiError;
use mergemind_shared::functions_framework::Shutdown;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::sync::{Refetch, Syncer};

/// After a webhook this long is waited for others that came with it.
const MOMENT: Duration = Duration::from_millis(500);
/// A burst that does not end is cut here.
const LONGEST: Duration = Duration::from_secs(3);

type Done = oneshot::Receiver<Result<Value, ApiError>>;

/// One webhook that waits.
struct PendingWebhook {
    wanted: Refetch,
    shutdown: Shutdown,
    tell: oneshot::Sender<Result<Value, ApiError>>,
}

/// Gathers webhooks; one task works through them.
pub struct Debouncer(mpsc::UnboundedSender<PendingWebhook>);

impl Debouncer {
    /// Starts the task, which ends with the last sender.
    pub fn start(syncer: Syncer) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(work(syncer, receiver));
        Self(sender)
    }

    /// Adds a webhook; what comes of it is told later.
    pub fn add(&self, wanted: Refetch, shutdown: Shutdown) -> Done {
        let (tell, done) = oneshot::channel();
        // Without a receiver `done` ends with an error, which is what the caller then sees.
        let _ = self.0.send(PendingWebhook { wanted, shutdown, tell });
        done
    }
}

async fn work(syncer: Syncer, mut receiver: mpsc::UnboundedReceiver<PendingWebhook>) {
    while let Some(first) = receiver.recv().await {
        let mut burst = vec![first];
        let end = tokio::time::Instant::now() + LONGEST;
        loop {
            let quiet = tokio::time::Instant::now() + MOMENT;
            match tokio::time::timeout_at(quiet.min(end), receiver.recv()).await {
                Ok(Some(next)) => burst.push(next),
                Ok(None) | Err(_) => break,
            }
        }
        let wanted: Vec<Refetch> = burst.iter().map(|pending| pending.wanted.clone()).collect();
        let shutdown = burst[0].shutdown.clone();
        let result = syncer.refetch(&wanted, shutdown).await;
        if let Err(error) = &result {
            tracing::warn!(hints = wanted.len(), "webhooks could not be followed: {error}");
        }
        for pending in burst {
            let _ = pending.tell.send(result.clone());
        }
    }
}
