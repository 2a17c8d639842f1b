//! `_rejected`: rows that could not be mapped, kept whole, and single values that could not be stored, so that nothing
//! vanishes and nothing stops a sync.

use mergemind_shared::warehouse::Kind::{Int64, String};
use mergemind_shared::warehouse::{Column, Row, Table, Value, row_hash};
use serde_json::{Value as Json, json};

/// The table. Its key is a hash of the row, so that a row rejected again is not written again.
pub fn table() -> Table {
    Table {
        name: "_rejected",
        description: "Rows of GitLab that could not be mapped to their raw table, and single values that could not be stored as they are.",
        columns: vec![
            Column::new("id", Int64, "Hash of stream and row."),
            Column::new("stream", String, "The stream."),
            Column::new("reason", String, "What was wrong."),
            Column::new(
                "row",
                String,
                "The row as GitLab sent it, or the value with the key of its row; as JSON.",
            ),
        ],
        primary_key: &["id"],
        version: None,
        partition_by: None,
        cluster_by: &[],
    }
}

/// The row that keeps `node`.
pub fn row(stream: &str, reason: &str, node: &Json) -> Row {
    let json = Value::Text(node.to_string());
    let stream = Value::Text(stream.to_owned());
    let id = row_hash(&vec![stream.clone(), json.clone()]);
    vec![Value::Int(id), stream, Value::Text(reason.to_owned()), json]
}

/// The row that keeps a value of `column` of a row that is in its table without it.
pub fn value(table: &Table, row: &Row, (column, value): (&str, &str), reason: &str) -> Row {
    let mut kept = key(table, row);
    kept[column] = value.into();
    self::row(table.name, reason, &kept)
}

/// What a row of any table is known by: its key, and its address if it has one.
pub fn key(table: &Table, row: &Row) -> Json {
    let mut key = json!({});
    for column in table.primary_key.iter().chain(&["web_url"]) {
        let json = match table.position(column).map(|place| &row[place]) {
            Some(Value::Int(number)) => Json::from(*number),
            Some(Value::Text(text)) => Json::from(text.as_str()),
            _ => continue,
        };
        key[*column] = json;
    }
    key
}
