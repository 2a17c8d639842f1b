//! One row's values, and the hash that tells whether a row changed.

use xxhash_rust::xxh3::Xxh3;

/// A cell. Which variants a column takes follows from its [`Kind`](super::schema::Kind).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    /// Microseconds since the Unix epoch, UTC.
    Time(i64),
    /// Days since the Unix epoch.
    Day(i32),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// A row's values in the order of its table's columns.
pub type Row = Vec<Value>;

/// Hash of a row's values. Stable across releases: it is stored in `_row_hash`.
pub fn row_hash(row: &Row) -> i64 {
    let mut hash = Xxh3::new();
    for value in row {
        match value {
            Value::Null => hash.update(&[0]),
            Value::Int(v) => tagged(&mut hash, 1, &v.to_le_bytes()),
            Value::Float(v) => tagged(&mut hash, 2, &v.to_bits().to_le_bytes()),
            Value::Bool(v) => tagged(&mut hash, 3, &[u8::from(*v)]),
            Value::Text(v) => text(&mut hash, 4, v),
            Value::Time(v) => tagged(&mut hash, 5, &v.to_le_bytes()),
            Value::Day(v) => tagged(&mut hash, 6, &v.to_le_bytes()),
            Value::Ints(items) => {
                tagged(&mut hash, 7, &(items.len() as u64).to_le_bytes());
                items.iter().for_each(|v| hash.update(&v.to_le_bytes()));
            }
            Value::Texts(items) => {
                tagged(&mut hash, 8, &(items.len() as u64).to_le_bytes());
                items.iter().for_each(|v| text(&mut hash, 4, v));
            }
        }
    }
    hash.digest().cast_signed()
}

/// Bytes that the row will roughly take on the wire; batches are cut by it.
pub fn row_size(row: &Row) -> usize {
    row.iter().map(value_size).sum()
}

/// The same of one value.
pub(super) fn value_size(value: &Value) -> usize {
    match value {
        Value::Text(v) => v.len() + 8,
        Value::Ints(v) => v.len() * 8 + 8,
        Value::Texts(v) => v.iter().map(|t| t.len() + 8).sum::<usize>() + 8,
        _ => 9,
    }
}

fn tagged(hash: &mut Xxh3, tag: u8, bytes: &[u8]) {
    hash.update(&[tag]);
    hash.update(bytes);
}

// The length keeps ("ab","c") and ("a","bc") apart.
fn text(hash: &mut Xxh3, tag: u8, value: &str) {
    tagged(hash, tag, &(value.len() as u64).to_le_bytes());
    hash.update(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_separates_neighbouring_texts_and_null_from_empty() {
        let texts = |a: &str, b: &str| vec![Value::Text(a.into()), Value::Text(b.into())];
        assert_ne!(row_hash(&texts("ab", "c")), row_hash(&texts("a", "bc")));
        assert_ne!(
            row_hash(&vec![Value::Null]),
            row_hash(&vec![Value::Text(String::new())])
        );
        assert_ne!(
            row_hash(&vec![Value::Texts(vec![])]),
            row_hash(&vec![Value::Ints(vec![])])
        );
    }

    #[test]
    fn hash_is_the_one_that_is_already_stored_in_tables() {
        let row = vec![
            Value::Int(7),
            Value::Text("é".into()),
            Value::Null,
            Value::Ints(vec![1, 2]),
        ];
        assert_eq!(row_hash(&row), 1_151_600_490_048_511_070);
        assert_eq!(row_hash(&vec![]), 3_244_421_341_483_603_138);
    }
}
