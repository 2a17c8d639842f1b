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
    /// Its time is over; what was committed stays.
    #[error("the sync's time was over before GitLab had answered")]
    TooLate,
    /// The raw tables are of another GitLab.
    #[error("the raw tables are those of {theirs}, and GITLAB_BASE_URL is {ours}, which shows none of their projects")]
    OtherGitLab { theirs: String, ours: String },
}

/// What to do about another GitLab.
pub const OTHER_GITLAB: &str = "set BQ_DATASET_RAW to a dataset of its own for this GitLab. If it is the same one at another address, the token must see projects that are in the tables; if these are to go, drop the dataset";

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
            error @ Error::TooLate => gitlab::Error::Unavailable(error.to_string()).into(),
            Error::OtherGitLab { .. } => {
                Self::new(StatusCode::CONFLICT, "other_gitlab", error.to_string()).with_hint(OTHER_GITLAB)
            }
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
