//! Committed positions.

use super::sql::CURSORS;
use super::{Error, Warehouse};

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
        rows.into_iter()
            .map(|row| {
                Ok(Cursor {
                    stream: row.get("stream")?,
                    scope: row.get("scope")?,
                    cursor: row.get("cursor")?,
                })
            })
            .collect()
    }
}
