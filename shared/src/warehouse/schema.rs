//! What a table looks like: the part of BigQuery's type system that raw tables use.

use super::value::{Row, Value};

/// BigQuery column types that raw tables use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int64,
    Float64,
    Bool,
    String,
    Timestamp,
    Date,
    /// `ARRAY<INT64>`: never NULL in BigQuery, at least empty.
    Int64Array,
    /// `ARRAY<STRING>`: never NULL in BigQuery, at least empty.
    StringArray,
}

impl Kind {
    /// The type's name in GoogleSQL.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Int64 => "INT64",
            Self::Float64 => "FLOAT64",
            Self::Bool => "BOOL",
            Self::String => "STRING",
            Self::Timestamp => "TIMESTAMP",
            Self::Date => "DATE",
            Self::Int64Array => "ARRAY<INT64>",
            Self::StringArray => "ARRAY<STRING>",
        }
    }

    /// The type's name and mode in BigQuery's REST API.
    pub(super) fn rest(self) -> (&'static str, &'static str) {
        match self {
            Self::Int64 => ("INTEGER", "NULLABLE"),
            Self::Float64 => ("FLOAT", "NULLABLE"),
            Self::Bool => ("BOOLEAN", "NULLABLE"),
            Self::String => ("STRING", "NULLABLE"),
            Self::Timestamp => ("TIMESTAMP", "NULLABLE"),
            Self::Date => ("DATE", "NULLABLE"),
            Self::Int64Array => ("INTEGER", "REPEATED"),
            Self::StringArray => ("STRING", "REPEATED"),
        }
    }
}

/// One column of a raw table.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// Shown in BigQuery beside the column.
    pub description: &'static str,
}

impl Column {
    /// A column; `description` is shown in BigQuery beside it.
    pub const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            description,
        }
    }
}

/// A raw table. Three columns are added to every one of them: `_synced_at`, `_deleted`, `_row_hash`.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: &'static str,
    pub description: &'static str,
    pub columns: Vec<Column>,
    /// One row per combination of these columns' values, none of which is NULL.
    pub primary_key: &'static [&'static str],
    /// An older value of this column never overwrites a newer one.
    pub version: Option<&'static str>,
    /// An immutable TIMESTAMP, partitioned by month: merges then read only the months of their own rows.
    pub partition_by: Option<&'static str>,
    pub cluster_by: &'static [&'static str],
}

/// Columns that the warehouse keeps for itself in every raw table.
pub const SYSTEM_COLUMNS: [Column; 3] = [
    Column::new(
        "_synced_at",
        Kind::Timestamp,
        "When this version of the row was written here.",
    ),
    Column::new("_deleted", Kind::Bool, "TRUE when GitLab no longer has the row."),
    Column::new(
        "_row_hash",
        Kind::Int64,
        "Hash of the row's values: an unchanged row is not written again.",
    ),
];

impl Table {
    /// All columns, the table's own first.
    pub fn all_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().chain(SYSTEM_COLUMNS.iter())
    }

    /// What tells a row from all others, as text; `None` if a part of the key is NULL.
    pub fn key_of(&self, row: &Row) -> Option<String> {
        let mut key = String::new();
        for name in self.primary_key {
            match &row[self.position(name)?] {
                Value::Int(id) => key.push_str(&id.to_string()),
                // The length keeps ("ab", "c") and ("a", "bc") apart.
                Value::Text(text) => key.push_str(&format!("{}:{text}", text.len())),
                _ => return None,
            }
            key.push('/');
        }
        Some(key)
    }

    /// The column with a row's time of update, if there is one.
    pub fn time_of_update(&self) -> Option<&'static str> {
        let usual = || self.position("updated_at").map(|_| "updated_at");
        self.version.or_else(usual)
    }

    /// Position of a column among the table's own.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
