//! What can go wrong between us and BigQuery.

use google_cloud_bigquery::error::{AppendError, CommitError, QueryError, RowError, WriterBuilderError};

use super::refusal::{NO_CREDENTIALS, Reason, Refusal};
use super::sql::{CURSOR_MOVED, LEASE_LOST, ROWS_MOVED};

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
    /// A row lies in another partition than its new version; nothing of this commit was written.
    #[error("rows have another time of creation than before")]
    RowsMoved,
    /// BigQuery refused a statement, or could not be asked.
    #[error("BigQuery refused a statement: {0}")]
    Query(Refusal),
    /// Rows could not be staged.
    #[error("rows could not be staged in BigQuery: {0}")]
    Stage(Refusal),
    /// BigQuery answered something that can't be read.
    #[error("BigQuery's answer can't be read: {0}")]
    Answer(String),
}

impl Error {
    /// Why BigQuery refused; `None` if that is not the problem.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Query(refusal) | Self::Stage(refusal) => Some(refusal.reason),
            Self::Connect(_) => Some(Reason::Credentials),
            Self::CursorMoved | Self::LeaseLost | Self::RowsMoved | Self::Answer(_) => None,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::CursorMoved | Self::LeaseLost => "the other sync goes on; keep one instance of this function",
            _ => self.reason().unwrap_or(Reason::Invalid).advice(),
        }
    }

    /// Whether the statement failed because something does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Query(refusal) if refusal.reason == Reason::Missing)
    }

    /// The same error, of a stage.
    pub(super) fn of_stage(self) -> Self {
        match self {
            Self::Query(refusal) => Self::Stage(refusal),
            other => other,
        }
    }

    fn of_statement(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        if refusal.reason == Reason::Credentials {
            return Self::Connect(NO_CREDENTIALS.into());
        }
        if message.contains(CURSOR_MOVED) {
            return Self::CursorMoved;
        }
        if message.contains(LEASE_LOST) {
            return Self::LeaseLost;
        }
        if message.contains(ROWS_MOVED) {
            return Self::RowsMoved;
        }
        Self::Query(refusal)
    }
}

impl From<google_cloud_gax::error::Error> for Error {
    fn from(error: google_cloud_gax::error::Error) -> Self {
        Self::of_statement(Refusal::of_call(&error))
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::JobFailed { errors, .. } => Self::of_statement(Refusal::of_job(&errors)),
            QueryError::Rpc { source, .. } => source.into(),
            other => Self::Query(Refusal::invalid(other.to_string())),
        }
    }
}

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Rpc { source, .. } => source.into(),
            other => Self::Answer(other.to_string()),
        }
    }
}

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        Self::Stage(match error {
            // Row errors hold the rows' values: only how many there are is told.
            AppendError::RowErrors { status, row_errors, .. } => {
                Refusal::invalid(format!("{} rows were refused: {}", row_errors.len(), status.message))
            }
            AppendError::Rpc { source, .. } => Refusal::of_call(&source),
            other => Refusal::outage(other.to_string()),
        })
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        Self::Stage(match error {
            CommitError::Rpc { source, .. } => Refusal::of_call(&source),
            other => Refusal::invalid(other.to_string()),
        })
    }
}

impl From<WriterBuilderError> for Error {
    fn from(error: WriterBuilderError) -> Self {
        Self::Stage(match error {
            WriterBuilderError::Rpc { source, .. } => Refusal::of_call(&source),
            other => Refusal::invalid(other.to_string()),
        })
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Stage(Refusal::invalid(error.to_string()))
    }
}
