//! Where rows go, and what is asked about rows that went there before.

mod belonging;
mod sql;

use std::collections::{BTreeSet, HashMap};

use futures::future::BoxFuture;
use mergemind_shared::warehouse::{Commit, Error, Row, SoftDelete, Table, Value, Within, Written};

use crate::streams::{PROJECT, Stream, Streams};

pub use belonging::Belonging;
#[cfg(test)]
pub use belonging::{Belongs, checksum_of};

/// A place for rows: the warehouse, or what stands in for it in tests.
pub trait RawTables: Send + Sync {
    /// Takes rows and moves a cursor: all of it, or nothing.
    fn commit<'a>(&'a self, commit: Commit<'a>) -> BoxFuture<'a, Result<Written, Error>>;

    /// Of the rows with these ids that the table has, and not as deleted: what shows whether they are as
    /// GitLab has them, although their time of update has not moved; see [`Stream::fingerprint_of`].
    fn fingerprints<'a>(
        &'a self,
        stream: &'a Stream,
        ids: &'a [i64],
    ) -> BoxFuture<'a, Result<HashMap<i64, String>, Error>>;

    /// The rows within these bounds, those that are marked as deleted left out.
    fn known<'a>(&'a self, stream: &'a Stream, within: &'a [Within]) -> BoxFuture<'a, Result<Vec<KnownRow>, Error>>;

    /// The ids that a soft delete would mark as deleted.
    fn missing_from<'a>(&'a self, soft_delete: &'a SoftDelete<'a>) -> BoxFuture<'a, Result<Vec<i64>, Error>>;

    /// The merge requests with one of these head commits: their project's path and their number.
    fn with_heads<'a>(&'a self, shas: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Vec<(String, i64)>, Error>>;

    /// Rows of a table with a column `iid` that commits after a mark have written, and of some owners all rows.
    fn written<'a>(&'a self, stream: &'a Stream, since: WrittenSince<'a>) -> BoxFuture<'a, Result<WrittenRows, Error>>;

    /// How many rows of each of these projects are marked as deleted, or are not.
    fn counts<'a>(
        &'a self,
        stream: &'a Stream,
        projects: &'a [i64],
        deleted: bool,
    ) -> BoxFuture<'a, Result<HashMap<i64, u64>, Error>>;

    /// The keys of these projects' rows that are not marked as deleted.
    fn keys<'a>(&'a self, stream: &'a Stream, projects: &'a [i64]) -> BoxFuture<'a, Result<Vec<RowKey>, Error>>;

    /// What belongs to rows of other streams in these projects, as those rows tell it and as the tables of `streams`
    /// have it.
    fn belonging<'a>(
        &'a self,
        all: &'a Streams,
        streams: &'a [&'a Stream],
        projects: &'a [i64],
    ) -> BoxFuture<'a, Result<Belonging, Error>>;

    /// All rows of a small table that are not marked as deleted.
    fn rows_of<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<Vec<Row>, Error>>;

    /// Whether a row refers to one that is not there, by a column of [`Stream::refers`].
    fn has_dangling_refs<'a>(&'a self, streams: &'a Streams) -> BoxFuture<'a, Result<bool, Error>>;
}

/// A row of a project, as the raw table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRow {
    pub id: i64,
    pub project: i64,
    /// See [`Stream::fingerprint_of`].
    pub fingerprint: String,
    /// In microseconds since 1970.
    pub updated_at: i64,
}

/// What tells a row of a project from others, and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKey {
    pub project: i64,
    /// See [`Table::key_of`].
    pub key: String,
    /// The same for people, without the project.
    pub name: String,
    /// In microseconds since 1970; 0 if rows of this table have none.
    pub updated_at: i64,
}

impl RowKey {
    /// That of a row of a project; `None` if it is none.
    pub fn of(table: &Table, row: &Row, updated_at: i64) -> Option<Self> {
        let value = |column: &str| Some(&row[table.position(column)?]);
        let Some(Value::Int(project)) = value(PROJECT) else {
            return None;
        };
        let names = table.primary_key.iter().filter(|column| **column != PROJECT);
        let names = names.filter_map(|column| match value(column)? {
            Value::Int(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            _ => None,
        });
        Some(Self {
            project: *project,
            key: table.key_of(row)?,
            name: names.collect::<Vec<_>>().join(" "),
            updated_at,
        })
    }
}

/// Which rows that were written are asked for.
#[derive(Clone, Copy, Debug)]
pub struct WrittenSince<'a> {
    /// The mark (`_synced_at`, in microseconds since 1970) after which.
    pub mark: i64,
    /// The groups or projects that they are to be in.
    pub owners: &'a [i64],
    /// Those of which all rows are asked for, whenever they were written.
    pub whole: &'a [i64],
    /// They are to have an id above this one.
    pub above: i64,
    /// How many at most, by id.
    pub most: usize,
}

/// Rows that were written, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenRows {
    pub rows: Vec<WrittenRow>,
    /// The mark of the newest commit that wrote to their table, whichever row; `None` if there are none.
    pub newest: Option<i64>,
}

/// A row that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenRow {
    /// The group or project that it belongs to.
    pub owner: i64,
    /// Its number there.
    pub iid: i64,
    /// Its id.
    pub id: i64,
}
