//! Why a run did not end well, as callers and the history get it.

use std::time::Duration;

use axum::http::StatusCode;
use mergemind_shared::ApiError;

/// Why a run did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// All was built, but tests failed, and `FAIL_ON_TEST_FAILURE` makes that an error; the message names them.
    #[error("{0}")]
    TestsFailed(String),
    /// Nodes failed; the message names them.
    #[error("{0}")]
    NodesFailed(String),
    /// dbt could not run; why.
    #[error("dbt could not run: {0}")]
    CouldNotRun(String),
    /// It was ended at the time limit, which is told.
    #[error("dbt was ended because it took longer than {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The function was told to stop before or during the run.
    #[error("the function is stopping, and dbt was ended with it")]
    Stopped,
    /// Somebody cancelled it.
    #[error("the run was cancelled")]
    Cancelled,
    /// Another instance has taken the lease.
    #[error("dbt was ended because this instance lost the lease for it: another instance has taken it")]
    LeaseLost,
}

/// 500 `dbt_failed`, 504 `dbt_timeout`, 503 `stopping`, 409 `cancelled` or 503 `lease_lost`.
impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        let (status, code, hint) = match &error {
            RunError::TestsFailed(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "dbt_failed",
                "all models were built; FAIL_ON_TEST_FAILURE=true makes failed tests an error",
            ),
            RunError::NodesFailed(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "dbt_failed",
                "details.nodes has every node with dbt's message",
            ),
            RunError::CouldNotRun(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "dbt_failed",
                "the function's log has more, under this request's trace",
            ),
            RunError::TimedOut(_) => (
                StatusCode::GATEWAY_TIMEOUT,
                "dbt_timeout",
                "raise DBT_TIMEOUT_SECONDS, or make the models smaller",
            ),
            RunError::Stopped => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "call again; another instance will answer",
            ),
            RunError::Cancelled => (StatusCode::CONFLICT, "cancelled", ""),
            RunError::LeaseLost => (
                StatusCode::SERVICE_UNAVAILABLE,
                "lease_lost",
                "call again; this instance was stopped or without BigQuery for longer than RUN_LEASE_SECONDS",
            ),
        };
        let answer = Self::new(status, code, error.to_string());
        if hint.is_empty() {
            answer
        } else {
            answer.with_hint(hint)
        }
    }
}
