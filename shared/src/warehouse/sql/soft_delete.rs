//! Marking rows that GitLab no longer has.

use super::text::{TableNames, literal, one_of};
use crate::warehouse::schema::Table;

/// Rows of a table to mark as deleted: those within all of the bounds, less those that are present.
#[derive(Clone, Debug)]
pub struct SoftDelete<'a> {
    /// The table.
    pub table: &'a Table,
    /// Which of its rows are looked at; a row must meet all of these.
    pub within: Vec<Within>,
    /// Values of the column `id` that GitLab still has.
    pub present: Vec<i64>,
}

/// A bound of a soft delete.
#[derive(Clone, Debug, PartialEq)]
pub enum Within {
    /// The column holds one of these numbers.
    OneOf(&'static str, Vec<i64>),
    /// The column, a TIMESTAMP, lies between these (microseconds since 1970); the second one excluded.
    Times(&'static str, i64, i64),
    /// In one of these triples: the column holds the first number, and `id` lies between the second and
    /// the third, both included.
    IdsOf(&'static str, Vec<(i64, i64, i64)>),
    /// The column holds a path below this one.
    Below(&'static str, String),
    /// The row of another table, whose `id` the column holds, is marked as deleted.
    ParentGone(&'static str, &'static str),
}

impl SoftDelete<'_> {
    /// The condition on a row, for a statement on the table alone.
    pub(in crate::warehouse) fn condition(&self, names: &TableNames) -> String {
        let mut parts = vec!["NOT _deleted".to_owned()];
        parts.extend(self.within.iter().map(|within| within.sql(names)));
        if !self.present.is_empty() {
            parts.push(format!("NOT ({})", one_of("id", &self.present)));
        }
        parts.join(" AND ")
    }
}

impl Within {
    fn sql(&self, names: &TableNames) -> String {
        match self {
            Self::OneOf(column, ids) => one_of(column, ids),
            Self::Times(column, from, until) => {
                format!("{column} >= TIMESTAMP_MICROS({from}) AND {column} < TIMESTAMP_MICROS({until})")
            }
            Self::IdsOf(_, ranges) if ranges.is_empty() => "FALSE".to_owned(),
            Self::IdsOf(column, ranges) => {
                let range =
                    |(of, from, until): &(i64, i64, i64)| format!("{column} = {of} AND id BETWEEN {from} AND {until}");
                let ranges: Vec<String> = ranges.iter().map(range).collect();
                format!("({})", ranges.join(" OR "))
            }
            Self::Below(column, path) => {
                let below = format!("{}/", path.to_lowercase());
                format!("STARTS_WITH(LOWER({column}), {})", literal(&below))
            }
            Self::ParentGone(column, parent) => {
                format!("{column} IN (SELECT id FROM {} WHERE _deleted)", names.of(parent))
            }
        }
    }
}
