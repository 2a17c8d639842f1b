//! `_rejected`: rows that could not be mapped, kept whole, so that none vanishes and none stops a sync.

use mergemind_shared::warehouse::Kind::{Int64, String};
use mergemind_shared::warehouse::{Column, Row, Table, Value, row_hash};
use serde_json::Value as Json;

/// The table. Its key is a hash of the row, so that a row rejected again is not written again.
pub fn table() -> Table {
    Table {
        name: "_rejected",
        description: "Rows of GitLab that could not be mapped to their raw table.",
        columns: vec![
            Column::new("id", Int64, "Hash of stream and row."),
            Column::new("stream", String, "The stream."),
            Column::new("reason", String, "What was wrong with the row."),
            Column::new("row", String, "The row as GitLab sent it, as JSON."),
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
