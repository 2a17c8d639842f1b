//! Rows as Arrow record batches, the form in which the Storage Write API takes them.

use axum::body::Bytes;

use super::schema::{Kind, Table};
use super::value::{Row, Value, row_hash, row_size};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use std::sync::Arc;

/// An append request may hold 10 MB; the rest is room for Arrow's own framing and for estimates. A row that is larger
/// goes alone, and is no larger than `fit` leaves it.
const MAX_BATCH_BYTES: usize = 6_000_000;

/// A table's Arrow schema and its rows, serialised, in chunks that fit one append request each.
pub(super) struct Encoded {
    pub schema: Bytes,
    pub batches: Vec<Bytes>,
}

/// Serialises rows with their system columns.
///
/// # Errors
/// If Arrow can't write them.
pub(super) fn encode(table: &Table, rows: &[Row], synced_at: i64) -> Result<Encoded, ArrowError> {
    let schema = Arc::new(Schema::new(
        table
            .all_columns()
            .map(|column| Field::new(column.name, data_type(column.kind), nullable(column.kind)))
            .collect::<Vec<_>>(),
    ));
    let mut encoded = Encoded {
        schema: Bytes::new(),
        batches: Vec::new(),
    };
    for chunk in chunks(rows) {
        let batch = RecordBatch::try_new(schema.clone(), columns(table, chunk, synced_at))?;
        // A stream writer puts the schema message first and the batch behind it: exactly the two parts wanted.
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        let schema_length = writer.get_ref().len();
        writer.write(&batch)?;
        let mut bytes = std::mem::take(writer.get_mut());
        encoded.batches.push(bytes.split_off(schema_length).into());
        encoded.schema = bytes.into();
    }
    Ok(encoded)
}

fn chunks(rows: &[Row]) -> Vec<&[Row]> {
    let (mut cuts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (index, row) in rows.iter().enumerate() {
        let size = row_size(row);
        if bytes + size > MAX_BATCH_BYTES && index > start {
            cuts.push(&rows[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    if start < rows.len() {
        cuts.push(&rows[start..]);
    }
    cuts
}

fn columns(table: &Table, rows: &[Row], synced_at: i64) -> Vec<ArrayRef> {
    let mut arrays: Vec<ArrayRef> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| array(column.kind, rows.iter().map(|row| &row[index])))
        .collect();
    let synced = vec![Value::Time(synced_at); rows.len()];
    let deleted = vec![Value::Bool(false); rows.len()];
    let hashes: Vec<Value> = rows.iter().map(|row| Value::Int(row_hash(row))).collect();
    arrays.push(array(Kind::Timestamp, synced.iter()));
    arrays.push(array(Kind::Bool, deleted.iter()));
    arrays.push(array(Kind::Int64, hashes.iter()));
    arrays
}

fn data_type(kind: Kind) -> DataType {
    let list = |item| DataType::List(Arc::new(Field::new("item", item, true)));
    match kind {
        Kind::Int64 => DataType::Int64,
        Kind::Float64 => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::String => DataType::Utf8,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Date => DataType::Date32,
        Kind::Int64Array => list(DataType::Int64),
        Kind::StringArray => list(DataType::Utf8),
    }
}

fn nullable(kind: Kind) -> bool {
    !matches!(kind, Kind::Int64Array | Kind::StringArray)
}

/// Builds one column; a value of another type than the column's becomes NULL, which mapping has ruled out.
fn array<'a>(kind: Kind, values: impl Iterator<Item = &'a Value>) -> ArrayRef {
    macro_rules! build {
        ($builder:expr, $pattern:pat => $value:expr) => {{
            let mut builder = $builder;
            for value in values {
                builder.append_option(match value {
                    $pattern => Some($value),
                    _ => None,
                });
            }
            Arc::new(builder.finish())
        }};
    }
    match kind {
        Kind::Int64 => build!(Int64Builder::new(), Value::Int(v) => *v),
        Kind::Float64 => build!(Float64Builder::new(), Value::Float(v) => *v),
        Kind::Bool => build!(BooleanBuilder::new(), Value::Bool(v) => *v),
        Kind::String => build!(StringBuilder::new(), Value::Text(v) => v),
        Kind::Date => build!(Date32Builder::new(), Value::Day(v) => *v),
        Kind::Timestamp => {
            build!(TimestampMicrosecondBuilder::new().with_timezone("UTC"), Value::Time(v) => *v)
        }
        Kind::Int64Array => {
            let mut builder = ListBuilder::new(Int64Builder::new());
            for value in values {
                if let Value::Ints(items) = value {
                    items.iter().for_each(|item| builder.values().append_value(*item));
                }
                builder.append(true);
            }
            Arc::new(builder.finish())
        }
        Kind::StringArray => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            for value in values {
                if let Value::Texts(items) = value {
                    items.iter().for_each(|item| builder.values().append_value(item));
                }
                builder.append(true);
            }
            Arc::new(builder.finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::fit::fit;
    use crate::warehouse::schema::Column;

    fn table() -> Table {
        let column = |name, kind| Column::new(name, kind, "");
        Table {
            name: "t",
            description: "",
            columns: vec![
                column("id", Kind::Int64),
                column("text", Kind::String),
                column("labels", Kind::StringArray),
            ],
            primary_key: &["id"],
            version: None,
            partition_by: None,
            cluster_by: &[],
        }
    }

    fn row(id: i64, text: String) -> Row {
        vec![Value::Int(id), Value::Text(text), Value::Texts(vec!["a".into()])]
    }

    #[test]
    fn rows_are_cut_into_requests_that_fit() {
        let rows: Vec<Row> = (0..4).map(|id| row(id, "x".repeat(2_500_000))).collect();
        let encoded = encode(&table(), &rows, 0).unwrap();
        assert_eq!(encoded.batches.len(), 2);
        assert!(encoded.batches.iter().all(|batch| batch.len() < 9_500_000));
        assert!(!encoded.schema.is_empty());
    }

    #[test]
    fn the_largest_row_goes_alone_and_fits() {
        let mut rows = vec![row(1, "x".repeat(12_000_000)), row(2, "y".into())];
        fit(&mut rows[0]);
        let encoded = encode(&table(), &rows, 0).unwrap();
        assert_eq!(encoded.batches.len(), 2);
        let size = encoded.schema.len() + encoded.batches[0].len();
        assert!((9_400_000..9_600_000).contains(&size), "{size}");
    }
}
