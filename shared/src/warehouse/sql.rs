//! The statements, as text. Everything here is a pure function, so that a test can read it.

use super::commit::CursorMove;
use super::schema::Table;
use super::value::{Row, Value};

/// What the compare-and-set of a cursor says when it fails; recognised again in BigQuery's error.
pub(super) const CURSOR_MOVED: &str = "mergemind: cursor moved";

/// The table of cursors.
pub(super) const CURSORS: &str = "_cursors";

/// A GoogleSQL string literal in single quotes.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// One stage table and the raw table that it is merged into.
pub(super) struct Merge<'a> {
    pub table: &'a Table,
    pub raw: String,
    pub stage: String,
    /// The rows that are in the stage; they tell which partitions to look at.
    pub rows: &'a [Row],
}

/// The script that merges stages, advances the cursor, drops the stages, and counts what was written.
///
/// `synced_at` (microseconds) marks the rows of exactly this commit.
pub(super) fn commit(merges: &[Merge], cursors: &str, cursor: Option<&CursorMove>, synced_at: i64) -> String {
    let mut script = String::from("BEGIN TRANSACTION;\n");
    if let Some(cursor) = cursor {
        script.push_str(&expect_cursor(cursors, cursor));
    }
    for merge in merges {
        script.push_str(&merge_statement(merge));
    }
    if let Some(cursor) = cursor {
        script.push_str(&set_cursor(cursors, cursor, synced_at));
    }
    script.push_str("COMMIT TRANSACTION;\n");
    for merge in merges {
        script.push_str(&format!("DROP TABLE {};\n", merge.stage));
    }
    let counts: Vec<String> = merges
        .iter()
        .enumerate()
        .map(|(index, merge)| {
            format!(
                "(SELECT COUNT(*) FROM {} WHERE _synced_at = TIMESTAMP_MICROS({synced_at}){}) AS n{index}",
                merge.raw,
                months(merge, "")
            )
        })
        .collect();
    if counts.is_empty() {
        script.push_str("SELECT 0 AS n0");
    } else {
        script.push_str(&format!("SELECT {}", counts.join(", ")));
    }
    script
}

/// Fails the transaction unless the cursor is where this sync left it.
fn expect_cursor(cursors: &str, cursor: &CursorMove) -> String {
    let (count, also) = match &cursor.from {
        Some(from) => (1, format!(" AND cursor = {}", literal(from))),
        None => (0, String::new()),
    };
    format!(
        "SELECT IF(COUNT(*) = {count}, 1, ERROR('{CURSOR_MOVED}')) FROM {cursors} WHERE stream = {} AND scope = {}{also};\n",
        literal(&cursor.stream),
        literal(&cursor.scope)
    )
}

fn set_cursor(cursors: &str, cursor: &CursorMove, synced_at: i64) -> String {
    let at = cursor.at.map_or("CAST(NULL AS TIMESTAMP)".to_owned(), |at| {
        format!("TIMESTAMP_MICROS({at})")
    });
    format!(
        "MERGE {cursors} T USING (SELECT {} AS stream, {} AS scope, {} AS cursor, {at} AS cursor_at, TIMESTAMP_MICROS({synced_at}) AS committed_at) S\n\
         ON T.stream = S.stream AND T.scope = S.scope\n\
         WHEN MATCHED THEN UPDATE SET cursor = S.cursor, cursor_at = S.cursor_at, committed_at = S.committed_at\n\
         WHEN NOT MATCHED THEN INSERT (stream, scope, cursor, cursor_at, committed_at) VALUES (S.stream, S.scope, S.cursor, S.cursor_at, S.committed_at);\n",
        literal(&cursor.stream),
        literal(&cursor.scope),
        literal(&cursor.to)
    )
}

fn merge_statement(merge: &Merge) -> String {
    let table = merge.table;
    let key = table.primary_key;
    let names: Vec<&str> = table.all_columns().map(|column| column.name).collect();
    let not_older = table
        .version
        .map(|version| format!(" AND COALESCE(S.{version} >= T.{version}, TRUE)"))
        .unwrap_or_default();
    let updates: Vec<String> = names
        .iter()
        .filter(|name| **name != key)
        .map(|name| format!("{name} = S.{name}"))
        .collect();
    let values: Vec<String> = names.iter().map(|name| format!("S.{name}")).collect();
    format!(
        "MERGE {} T USING {} S\nON T.{key} = S.{key}{}\n\
         WHEN MATCHED AND (T._row_hash != S._row_hash OR T._deleted){not_older} THEN UPDATE SET {}\n\
         WHEN NOT MATCHED THEN INSERT ({}) VALUES ({});\n",
        merge.raw,
        merge.stage,
        months(merge, "T."),
        updates.join(", "),
        names.join(", "),
        values.join(", ")
    )
}

/// A condition on the partitioning column that lets BigQuery skip months without any of these rows.
/// Empty when a row has no value there: it could be anywhere.
fn months(merge: &Merge, prefix: &str) -> String {
    let Some(column) = merge.table.partition_by else {
        return String::new();
    };
    let Some(position) = merge.table.position(column) else {
        return String::new();
    };
    let times: Option<Vec<i64>> = merge
        .rows
        .iter()
        .map(|row| match row[position] {
            Value::Time(at) => Some(at),
            _ => None,
        })
        .collect();
    let bounds = times.and_then(|times| Some((*times.iter().min()?, *times.iter().max()?)));
    bounds.map_or_else(String::new, |(low, high)| {
        format!(" AND {prefix}{column} BETWEEN TIMESTAMP_MICROS({low}) AND TIMESTAMP_MICROS({high})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::schema::{Column, Kind};

    #[test]
    fn literals_cannot_be_left() {
        assert_eq!(literal("a'b\\c\nd"), r"'a\'b\\c\nd'");
    }

    fn table() -> Table {
        Table {
            name: "t",
            description: "",
            columns: vec![
                Column {
                    name: "id",
                    kind: Kind::Int64,
                    description: "",
                },
                Column {
                    name: "updated_at",
                    kind: Kind::Timestamp,
                    description: "",
                },
                Column {
                    name: "created_at",
                    kind: Kind::Timestamp,
                    description: "",
                },
            ],
            primary_key: "id",
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["id"],
        }
    }

    fn merge(table: &Table, rows: &[Row]) -> String {
        merge_statement(&Merge {
            table,
            raw: "`r`".into(),
            stage: "`s`".into(),
            rows,
        })
    }

    #[test]
    fn an_older_version_never_wins_and_only_the_rows_months_are_read() {
        let row = |at| vec![Value::Int(1), Value::Time(5), Value::Time(at)];
        let sql = merge(&table(), &[row(10), row(30)]);
        assert!(sql.contains("COALESCE(S.updated_at >= T.updated_at, TRUE)"), "{sql}");
        assert!(
            sql.contains("AND T.created_at BETWEEN TIMESTAMP_MICROS(10) AND TIMESTAMP_MICROS(30)"),
            "{sql}"
        );
    }

    #[test]
    fn a_row_without_a_partition_is_looked_for_everywhere() {
        let row = vec![Value::Int(1), Value::Time(5), Value::Null];
        assert!(!merge(&table(), &[row]).contains("BETWEEN"));
    }
}
