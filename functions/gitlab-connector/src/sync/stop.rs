//! When a sync is stopped in the middle of a step.

use std::time::Duration;

use crate::sync::session::Session;

/// How long a request or commit under way may take after SIGTERM. The function waits 8 seconds for its callers, and
/// Cloud Run kills after 10: the rest is for giving the lease back, see `lease`.
const GRACE: Duration = Duration::from_secs(5);
/// The same of a commit after the deadline, which leaves more room; GitLab is not read from for so long, see `read_limit`.
const DEADLINE_GRACE: Duration = Duration::from_secs(60);

/// Ends when a sync must not go on even to its next checkpoint.
pub async fn too_late(session: &Session<'_>) {
    let deadline = tokio::time::Instant::from_std(session.deadline);
    tokio::select! {
        () = async {
            session.shutdown.wait().await;
            tokio::time::sleep(GRACE).await;
        } => {}
        () = tokio::time::sleep_until(deadline + DEADLINE_GRACE) => {}
    }
}
