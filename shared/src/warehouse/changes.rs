//! Reading raw tables in the order in which they changed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::schema::{Kind, Table};
use super::sql::literal;
use super::{Error, ResultRow, Warehouse};

/// A place in a table's changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// `_synced_at` of the last row that was read, in microseconds since 1970.
    pub at: i64,
    /// Its key.
    pub key: String,
}

/// A row that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its values, by column: times in RFC 3339, dates as `2026-01-31`.
    pub row: Json,
    /// Whether GitLab no longer has it.
    pub deleted: bool,
    /// The place behind it.
    pub position: Position,
}

impl Warehouse {
    /// The next rows that changed after `from` and not after `until` (microseconds since 1970), oldest change
    /// first. A row that changes again comes again.
    ///
    /// Commits are marked when they begin, so what is read is only whole up to an instant at which no commit
    /// was under way: `until` must be one.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn changes(&self, table: &Table, from: &Position, until: i64, most: usize) -> Result<Vec<Change>, Error> {
        let rows = self
            .query(statement(&self.name_of(table.name), table, from, until, most))
            .await?;
        rows.iter().map(|row| change(table, row)).collect()
    }
}

pub(super) fn statement(name: &str, table: &Table, from: &Position, until: i64, most: usize) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| match column.kind {
            Kind::Timestamp => format!("UNIX_MICROS({0}) AS {0}", column.name),
            Kind::Date => format!("FORMAT_DATE('%Y-%m-%d', {0}) AS {0}", column.name),
            _ => column.name.to_owned(),
        })
        .collect();
    let parts: Vec<String> = table
        .primary_key
        .iter()
        .map(|key| format!("CAST({key} AS STRING), '/'"))
        .collect();
    let key = format!("CONCAT({})", parts.join(", "));
    format!(
        "SELECT {}, _deleted, UNIX_MICROS(_synced_at) AS _at, {key} AS _key FROM {name} \
         WHERE _synced_at <= TIMESTAMP_MICROS({until}) \
         AND (_synced_at > TIMESTAMP_MICROS({at}) OR (_synced_at = TIMESTAMP_MICROS({at}) AND {key} > {last})) \
         ORDER BY _synced_at, _key LIMIT {most}",
        columns.join(", "),
        at = from.at,
        last = literal(&from.key),
    )
}

fn change(table: &Table, row: &ResultRow) -> Result<Change, Error> {
    let mut values = Map::new();
    for column in &table.columns {
        let name = column.name;
        let value = match column.kind {
            Kind::Int64 => json!(row.get::<Option<i64>>(name)?),
            Kind::Float64 => json!(row.get::<Option<f64>>(name)?),
            Kind::Bool => json!(row.get::<Option<bool>>(name)?),
            Kind::String | Kind::Date => json!(row.get::<Option<String>>(name)?),
            Kind::Timestamp => json!(row.get::<Option<i64>>(name)?.and_then(rfc3339)),
            Kind::Int64Array => json!(row.get::<Vec<i64>>(name)?),
            Kind::StringArray => json!(row.get::<Vec<String>>(name)?),
        };
        values.insert(name.to_owned(), value);
    }
    Ok(Change {
        row: Json::Object(values),
        deleted: row.get("_deleted")?,
        position: Position {
            at: row.get("_at")?,
            key: row.get("_key")?,
        },
    })
}

fn rfc3339(micros: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()?;
    at.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::schema::Column;

    #[test]
    fn changes_are_read_in_order_from_a_place_to_an_instant() {
        let column = |name, kind| Column::new(name, kind, "");
        let table = Table {
            name: "t",
            description: "",
            columns: vec![
                column("id", Kind::Int64),
                column("name", Kind::String),
                column("at", Kind::Timestamp),
                column("day", Kind::Date),
            ],
            primary_key: &["id", "name"],
            version: None,
            partition_by: None,
            cluster_by: &[],
        };
        let from = Position {
            at: 7,
            key: "1/it's/".into(),
        };
        let key = "CONCAT(CAST(id AS STRING), '/', CAST(name AS STRING), '/')";
        assert_eq!(
            statement("`t`", &table, &from, 9, 100),
            format!(
                "SELECT id, name, UNIX_MICROS(at) AS at, FORMAT_DATE('%Y-%m-%d', day) AS day, _deleted, \
                 UNIX_MICROS(_synced_at) AS _at, {key} AS _key FROM `t` WHERE _synced_at <= TIMESTAMP_MICROS(9) \
                 AND (_synced_at > TIMESTAMP_MICROS(7) OR (_synced_at = TIMESTAMP_MICROS(7) AND {key} > {})) \
                 ORDER BY _synced_at, _key LIMIT 100",
                literal("1/it's/")
            )
        );
    }
}
