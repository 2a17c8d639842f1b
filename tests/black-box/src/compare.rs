//! Raw tables against GitLab, row for row and column for column.

use std::collections::BTreeMap;

use local_stack::{Gitlab, PROJECT, Warehouse, http};
use serde_json::{Map, Value, json};

/// The raw tables that are always synced.
pub const TABLES: [&str; 13] = [
    "groups",
    "projects",
    "users",
    "labels",
    "milestones",
    "merge_requests",
    "mr_approvals",
    "mr_reviewers",
    "mr_assignees",
    "mr_labels",
    "mr_notes",
    "pipelines",
    "issues",
];

/// Columns that make up a table's key.
pub fn key_of(table: &str) -> &'static [&'static str] {
    match table {
        "mr_approvals" | "mr_reviewers" | "mr_assignees" => &["merge_request_id", "user_id"],
        "mr_labels" => &["merge_request_id", "label_id"],
        _ => &["id"],
    }
}

/// Panics with the first differences in any table, if there are any.
pub fn assert_equal_to_gitlab(gitlab: &Gitlab, warehouse: &Warehouse, dataset: &str) {
    for table in TABLES {
        assert_table_equals(gitlab, warehouse, dataset, table);
    }
}

/// Panics with the first differences in a table, if there are any.
pub fn assert_table_equals(gitlab: &Gitlab, warehouse: &Warehouse, dataset: &str, table: &str) {
    if let Some(difference) = table_difference(gitlab, warehouse, dataset, table) {
        panic!("{difference}");
    }
}

/// The first differences in a table, if there are any.
pub fn table_difference(gitlab: &Gitlab, warehouse: &Warehouse, dataset: &str, table: &str) -> Option<String> {
    let expected = by_key(
        key_of(table),
        gitlab.rows_of_group(table, "acme").expect("GitLab's rows"),
    );
    let mut actual = by_key(key_of(table), warehouse_rows(warehouse, dataset, table));
    assert!(
        !expected.is_empty(),
        "GitLab has no {table}: the test would prove nothing"
    );
    if table == "users" {
        // A user stays although the last row that referred to it is gone.
        actual.retain(|id, _| expected.contains_key(id));
    }
    let missing: Vec<_> = expected.keys().filter(|id| !actual.contains_key(*id)).take(5).collect();
    let extra: Vec<_> = actual.keys().filter(|id| !expected.contains_key(*id)).take(5).collect();
    if !missing.is_empty() || !extra.is_empty() {
        return Some(format!("{table}: missing {missing:?}, too many {extra:?}"));
    }
    let differing = expected.iter().find(|(id, row)| actual[*id] != **row);
    differing.map(|(id, row)| format!("{table} {id} is\n  {}\ninstead of\n  {row}", actual[id]))
}

fn by_key(key: &[&str], rows: Vec<Value>) -> BTreeMap<String, Value> {
    let count = rows.len();
    let text = |row: &Value| {
        key.iter()
            .map(|name| row[name].to_string())
            .collect::<Vec<_>>()
            .join("/")
    };
    let map: BTreeMap<String, Value> = rows.into_iter().map(|row| (text(&row), row)).collect();
    assert_eq!(map.len(), count, "a key stands twice");
    map
}

/// A raw table's rows that are not deleted, as the simulated GitLab prints them.
pub fn warehouse_rows(warehouse: &Warehouse, dataset: &str, table: &str) -> Vec<Value> {
    let columns = columns(warehouse, dataset, table);
    let selected: Vec<String> = columns
        .iter()
        .map(|(name, kind)| match kind.as_str() {
            "TIMESTAMP" => format!("FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', {name})"),
            _ => format!("`{name}`"),
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM {dataset}.{table} WHERE NOT _deleted",
        selected.join(", ")
    );
    let rows = warehouse.cells(&sql).expect("the rows");
    rows.into_iter()
        .map(|cells| {
            let named = columns
                .iter()
                .zip(cells)
                .map(|((name, kind), cell)| (name.clone(), value(kind, cell)));
            Value::Object(named.collect::<Map<_, _>>())
        })
        .collect()
}

/// The columns of a raw table that GitLab fills, and their types. Asked of the table itself: the emulator takes a
/// second for INFORMATION_SCHEMA.
fn columns(warehouse: &Warehouse, dataset: &str, table: &str) -> Vec<(String, String)> {
    let url = format!(
        "{}/bigquery/v2/projects/{PROJECT}/datasets/{dataset}/tables/{table}",
        warehouse.rest
    );
    let (status, described) = http::get(&url).expect("an answer");
    assert_eq!(status, 200, "{table}: {described:#}");
    let fields = described["schema"]["fields"].as_array().expect("fields").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    fields
        .map(|field| match text(&field["mode"]).as_str() {
            "REPEATED" => (text(&field["name"]), format!("ARRAY<{}>", text(&field["type"]))),
            _ => (text(&field["name"]), text(&field["type"])),
        })
        .filter(|(name, _)| !name.starts_with('_'))
        .collect()
}

/// BigQuery prints every value as text.
fn value(kind: &str, cell: Value) -> Value {
    if let Some(inner) = kind.strip_prefix("ARRAY<").and_then(|kind| kind.strip_suffix('>')) {
        let items = cell.as_array().cloned().unwrap_or_default();
        return items
            .into_iter()
            .map(|mut item| value(inner, item["v"].take()))
            .collect();
    }
    let Value::String(text) = &cell else { return cell };
    match kind {
        "INT64" | "INTEGER" => json!(text.parse::<i64>().expect("a whole number")),
        "FLOAT64" | "FLOAT" => json!(text.parse::<f64>().expect("a number")),
        "BOOL" | "BOOLEAN" => json!(text == "true"),
        _ => cell,
    }
}
