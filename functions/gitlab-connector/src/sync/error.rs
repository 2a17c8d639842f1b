//! What can stop a sync.

use axum::http::StatusCode;
use mergemind_shared::{ApiError, warehouse};

use crate::gitlab;

/// What stopped a pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// GitLab did not give it.
    #[error(transparent)]
    GitLab(#[from] gitlab::Error),
    /// The warehouse did not take it.
    #[error(transparent)]
    Warehouse(#[from] warehouse::Error),
}

impl Error {
    /// Whether a table that should be there is not.
    pub fn is_missing_table(&self) -> bool {
        matches!(self, Self::Warehouse(error) if error.is_not_found())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::GitLab(error) => error.into(),
            Error::Warehouse(error @ (warehouse::Error::CursorMoved | warehouse::Error::LeaseLost)) => {
                Self::new(StatusCode::CONFLICT, "sync_running", error.to_string())
                    .with_hint("nothing is lost: the other sync goes on; keep one instance of this function")
            }
            Error::Warehouse(error) => Self::new(StatusCode::BAD_GATEWAY, "warehouse", error.to_string()).with_hint(
                format!("{}; the next sync goes on where this one stopped", error.advice()),
            ),
        }
    }
}
