//! Values of rows that are read back.

use mergemind_shared::warehouse::{Row, Table, Value};

/// A number of a row.
pub fn int(table: &Table, row: &Row, column: &str) -> i64 {
    match table.position(column).map(|place| &row[place]) {
        Some(Value::Int(number) | Value::Time(number)) => *number,
        _ => 0,
    }
}

/// A text of a row.
pub fn text(table: &Table, row: &Row, column: &str) -> String {
    match table.position(column).map(|place| &row[place]) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}
