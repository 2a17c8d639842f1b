//! Page cursors: the order's columns of one row as JSON in Base64, as GitLab makes them. They hold no state, so they
//! never expire and outlive a restart.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::data::{Column, Order, SortKey};
use crate::instant;

pub fn encode(order: Order, (key, id): &(SortKey, u64)) -> String {
    let mut cursor = json!({ "id": id.to_string() });
    if let Some(column) = order.cursor_key() {
        cursor[column] = match key {
            SortKey::Time(at) => at.map_or(Value::Null, |at| instant::print_cursor(at).into()),
            SortKey::Text(text) => text.clone().into(),
        };
    }
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}

/// The place that a cursor names; None when it is damaged or belongs to another order.
pub fn decode(order: Order, cursor: &str) -> Option<(SortKey, u64)> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor.trim_end_matches('=')).ok()?;
    let cursor: Value = serde_json::from_slice(&bytes).ok()?;
    let id = cursor["id"].as_str()?.parse().ok()?;
    let Some(column) = order.cursor_key() else {
        return Some((SortKey::Time(None), id));
    };
    let key = match cursor.get(column)? {
        Value::Null => SortKey::Time(None),
        Value::String(text) if order.column == Column::Title => SortKey::Text(text.clone()),
        Value::String(text) => SortKey::Time(Some(instant::parse(text)?)),
        _ => return None,
    };
    Some((key, id))
}
