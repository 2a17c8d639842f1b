//! Committed positions.

use super::connection::ResultRow;
use super::schema::{Column, Kind};
use super::sql::CURSORS;
use super::{Error, Warehouse};

/// The columns of the table of cursors.
pub(super) const COLUMNS: [Column; 5] = [
    Column::new("stream", Kind::String, "The stream."),
    Column::new("scope", Kind::String, "The group or project."),
    Column::new(
        "cursor",
        Kind::String,
        "The committed position, in the stream's own form.",
    ),
    Column::new(
        "cursor_at",
        Kind::Timestamp,
        "Everything that changed before is in the raw tables.",
    ),
    Column::new("committed_at", Kind::Timestamp, "When the position was committed."),
];

/// The committed position of a stream in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The stream.
    pub stream: String,
    /// The group or project that the position belongs to.
    pub scope: String,
    /// The position, in the stream's own form.
    pub cursor: String,
}

impl Warehouse {
    /// All cursors.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn cursors(&self) -> Result<Vec<Cursor>, Error> {
        let sql = format!("SELECT stream, scope, cursor FROM {}", self.name_of(CURSORS));
        let rows = self.query(sql).await?;
        rows.iter().map(Cursor::of).collect()
    }
}

impl Cursor {
    /// As a row has it.
    ///
    /// # Errors
    /// If it lacks a column.
    pub(super) fn of(row: &ResultRow) -> Result<Self, Error> {
        Ok(Self {
            stream: row.get("stream")?,
            scope: row.get("scope")?,
            cursor: row.get("cursor")?,
        })
    }
}
