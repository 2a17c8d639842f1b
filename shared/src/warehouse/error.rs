//! What can go wrong between us and BigQuery.

use google_cloud_bigquery::error::{AppendError, CommitError, QueryError, RowError, WriterBuilderError};

/// What to say when Google's client finds no credentials, or they are refused.
pub(super) const NO_CREDENTIALS: &str = "Google's credentials are missing or not accepted. On Cloud Run the service account \
    has them; elsewhere `gcloud auth application-default login` makes them";

/// An error of the warehouse. Its text may hold table names and BigQuery's messages, never row values
/// that we sent, and never credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The clients could not be made.
    #[error("can't connect to BigQuery: {0}")]
    Connect(String),
    /// Another sync committed this cursor first; nothing of this commit was written.
    #[error("the cursor moved meanwhile: another sync has committed it, so this one wrote nothing")]
    CursorMoved,
    /// The lease expired and another one took it; nothing of this commit was written.
    #[error("another sync has taken over the lease, so this one wrote nothing")]
    LeaseLost,
    /// BigQuery refused a statement, or could not be asked.
    #[error("BigQuery refused a statement: {0}")]
    Query(String),
    /// Rows could not be staged.
    #[error("rows could not be staged in BigQuery: {0}")]
    Stage(String),
    /// BigQuery answered something that can't be read.
    #[error("BigQuery's answer can't be read: {0}")]
    Answer(String),
}

impl Error {
    /// Whether BigQuery rolled a transaction back because another one touched the same table.
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Query(message) = self else {
            return false;
        };
        let message = message.to_lowercase();
        message.contains("aborted") && (message.contains("concurrent") || message.contains("conflict"))
    }

    /// Whether the statement failed because something does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let Self::Query(message) = self else {
            return false;
        };
        let message = message.to_lowercase();
        message.contains("not found") || message.contains("notfound") || message.contains("does not exist")
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        let message = match error {
            QueryError::JobFailed { errors, .. } => {
                errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        };
        if message.contains("authentication headers") {
            return Self::Connect(NO_CREDENTIALS.into());
        }
        if message.contains(super::sql::CURSOR_MOVED) {
            return Self::CursorMoved;
        }
        if message.contains(super::sql::LEASE_LOST) {
            return Self::LeaseLost;
        }
        Self::Query(message)
    }
}

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        Self::Answer(error.to_string())
    }
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        // Row errors hold the rows' values: only how many there are is told.
        Self::Stage(match error {
            AppendError::RowErrors { status, row_errors, .. } => {
                format!("{} rows were refused: {}", row_errors.len(), status.message)
            }
            other => other.to_string(),
        })
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        Self::Stage(error.to_string())
    }
}

impl From<WriterBuilderError> for Error {
    fn from(error: WriterBuilderError) -> Self {
        Self::Stage(error.to_string())
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Stage(error.to_string())
    }
}
