//! The same of the warehouse.

use std::collections::{BTreeSet, HashMap};

use futures::future::BoxFuture;
use mergemind_shared::warehouse::{
    Column, Commit, Error, Kind, ResultRow, Row, SoftDelete, Table, Value, Warehouse, Within, Written, one_of,
};

use super::{Belonging, KnownRow, RawTables, RowKey, WrittenRow, WrittenRows, WrittenSince, belonging};
use crate::streams::{PROJECT, Stream, Streams, merge_requests, projects};

impl RawTables for Warehouse {
    fn commit<'a>(&'a self, commit: Commit<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        Box::pin(self.commit(commit))
    }

    fn fingerprints<'a>(
        &'a self,
        stream: &'a Stream,
        ids: &'a [i64],
    ) -> BoxFuture<'a, Result<HashMap<i64, String>, Error>> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(HashMap::new());
            }
            let sql = format!(
                "SELECT id, {} AS fingerprint FROM {} WHERE NOT _deleted AND {}",
                fingerprint_sql(stream),
                self.name_of(stream.name()),
                one_of("id", ids)
            );
            let rows = self.query(sql).await?;
            rows.into_iter()
                .map(|row| Ok((row.get("id")?, row.get("fingerprint")?)))
                .collect()
        })
    }

    fn known<'a>(&'a self, stream: &'a Stream, within: &'a [Within]) -> BoxFuture<'a, Result<Vec<KnownRow>, Error>> {
        Box::pin(async move {
            let bounds = SoftDelete {
                table: &stream.table,
                within: within.to_vec(),
                present: Vec::new(),
            };
            let columns = format!(
                "id, project_id, {} AS fingerprint, COALESCE(UNIX_MICROS(updated_at), 0) AS updated_at",
                fingerprint_sql(stream)
            );
            let rows = self.rows_within(&columns, &bounds).await?;
            let known = |row: ResultRow| {
                Ok(KnownRow {
                    id: row.get("id")?,
                    project: row.get("project_id")?,
                    fingerprint: row.get("fingerprint")?,
                    updated_at: row.get("updated_at")?,
                })
            };
            rows.into_iter().map(known).collect()
        })
    }

    fn missing_from<'a>(&'a self, soft_delete: &'a SoftDelete<'a>) -> BoxFuture<'a, Result<Vec<i64>, Error>> {
        Box::pin(self.would_delete(soft_delete))
    }

    fn with_heads<'a>(&'a self, shas: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Vec<(String, i64)>, Error>> {
        Box::pin(async move {
            if shas.is_empty() {
                return Ok(Vec::new());
            }
            let list: Vec<String> = shas.iter().map(|sha| format!("'{sha}'")).collect();
            let sql = format!(
                "SELECT p.full_path, m.iid FROM {} m JOIN {} p ON p.id = m.project_id WHERE NOT m._deleted AND m.head_sha IN ({})",
                self.name_of(merge_requests::NAME),
                self.name_of(projects::NAME),
                list.join(", ")
            );
            let rows = self.query(sql).await?;
            rows.into_iter().map(path_and_iid).collect()
        })
    }

    fn written<'a>(&'a self, stream: &'a Stream, since: WrittenSince<'a>) -> BoxFuture<'a, Result<WrittenRows, Error>> {
        let (owner, table) = (stream.owner_column(), self.name_of(stream.name()));
        let WrittenSince { mark, above, most, .. } = since;
        let (within, whole) = (one_of(owner, since.owners), one_of(owner, since.whole));
        let sql = format!(
            "SELECT {owner} AS owner, iid, id, (SELECT UNIX_MICROS(MAX(_synced_at)) FROM {table}) AS newest FROM {table} \
             WHERE NOT _deleted AND id > {above} AND {within} AND (_synced_at > TIMESTAMP_MICROS({mark}) OR {whole}) \
             ORDER BY id LIMIT {most}"
        );
        Box::pin(async move {
            let mut written = WrittenRows::default();
            for row in self.query(sql).await? {
                written.newest = row.get("newest")?;
                written.rows.push(WrittenRow {
                    owner: row.get("owner")?,
                    iid: row.get("iid")?,
                    id: row.get("id")?,
                });
            }
            Ok(written)
        })
    }

    fn counts<'a>(
        &'a self,
        stream: &'a Stream,
        projects: &'a [i64],
        deleted: bool,
    ) -> BoxFuture<'a, Result<HashMap<i64, u64>, Error>> {
        let which = if deleted { "_deleted" } else { "NOT _deleted" };
        let sql = format!(
            "SELECT project_id, COUNT(*) AS counted FROM {} WHERE {which} AND {} GROUP BY project_id",
            self.name_of(stream.name()),
            one_of("project_id", projects)
        );
        Box::pin(async move {
            let rows = self.query(sql).await?;
            let counted = |row: ResultRow| {
                let count: i64 = row.get("counted")?;
                Ok((row.get("project_id")?, count.unsigned_abs()))
            };
            rows.into_iter().map(counted).collect()
        })
    }

    fn keys<'a>(&'a self, stream: &'a Stream, projects: &'a [i64]) -> BoxFuture<'a, Result<Vec<RowKey>, Error>> {
        let table = &stream.table;
        let updated_at = match table.position("updated_at") {
            Some(_) => "COALESCE(UNIX_MICROS(updated_at), 0)",
            None => "0",
        };
        let mut columns = vec![PROJECT];
        columns.extend(table.primary_key.iter().filter(|key| **key != PROJECT));
        let sql = format!(
            "SELECT {}, {updated_at} AS version FROM {} WHERE NOT _deleted AND {}",
            columns.join(", "),
            self.name_of(table.name),
            one_of(PROJECT, projects)
        );
        let key_of = move |row: &ResultRow| {
            let mut values = vec![Value::Null; table.columns.len()];
            for column in &columns {
                let place = table.position(column).expect("a column");
                values[place] = match table.columns[place].kind {
                    Kind::Int64 => Value::Int(row.get(*column)?),
                    _ => Value::Text(row.get(*column)?),
                };
            }
            Ok(RowKey::of(table, &values, row.get("version")?))
        };
        Box::pin(async move {
            let rows = self.query(sql).await?;
            let keys: Result<Vec<_>, Error> = rows.iter().map(key_of).collect();
            Ok(keys?.into_iter().flatten().collect())
        })
    }

    fn belonging<'a>(
        &'a self,
        all: &'a Streams,
        streams: &'a [&'a Stream],
        projects: &'a [i64],
    ) -> BoxFuture<'a, Result<Belonging, Error>> {
        Box::pin(belonging::ask(self, all, streams, projects))
    }

    fn rows_of<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        let columns = table.columns.iter().map(|column| match column.kind {
            Kind::Timestamp => format!("UNIX_MICROS({0}) AS {0}", column.name),
            _ => column.name.to_owned(),
        });
        let columns: Vec<String> = columns.collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE NOT _deleted",
            columns.join(", "),
            self.name_of(table.name)
        );
        let value = |row: &ResultRow, column: &Column| {
            Ok(match column.kind {
                Kind::Int64 => row.get::<Option<i64>>(column.name)?.map_or(Value::Null, Value::Int),
                Kind::Timestamp => row.get::<Option<i64>>(column.name)?.map_or(Value::Null, Value::Time),
                Kind::Bool => row.get::<Option<bool>>(column.name)?.map_or(Value::Null, Value::Bool),
                _ => row.get::<Option<String>>(column.name)?.map_or(Value::Null, Value::Text),
            })
        };
        Box::pin(async move {
            let rows = self.query(sql).await?;
            rows.iter()
                .map(|row| table.columns.iter().map(|column| value(row, column)).collect())
                .collect()
        })
    }

    fn has_dangling_refs<'a>(&'a self, streams: &'a Streams) -> BoxFuture<'a, Result<bool, Error>> {
        let unknown = |table: &str, column: &str, parents: &str| {
            format!(
                "EXISTS (SELECT 1 FROM {} t LEFT JOIN {} p ON p.id = t.{column} WHERE t.{column} IS NOT NULL AND NOT t._deleted AND p.id IS NULL)",
                self.name_of(table),
                self.name_of(parents)
            )
        };
        let any: Vec<String> = streams
            .references()
            .map(|(stream, column, parents)| unknown(stream.name(), column, parents))
            .collect();
        let sql = format!("SELECT {} AS dangles", any.join(" OR "));
        Box::pin(async move {
            let rows = self.query(sql).await?;
            match rows.first() {
                Some(row) => Ok(row.get("dangles")?),
                None => Ok(false),
            }
        })
    }
}

/// What a stream's rows are compared by, in one text; [`Stream::fingerprint_of`] makes the same of GitLab's node.
fn fingerprint_sql(stream: &Stream) -> String {
    let columns = stream
        .fingerprint
        .map(|fingerprint| fingerprint.columns)
        .unwrap_or_default();
    let kind = |name: &str| {
        stream
            .table
            .position(name)
            .map(|place| stream.table.columns[place].kind)
    };
    let text = |name: &&str| match kind(name) {
        Some(Kind::Timestamp) => format!("COALESCE(CAST(UNIX_MICROS({name}) AS STRING), '')"),
        Some(Kind::StringArray) => format!("ARRAY_TO_STRING({name}, ',')"),
        Some(Kind::Int64Array) => format!(
            "ARRAY_TO_STRING(ARRAY(SELECT CAST(item AS STRING) FROM UNNEST({name}) AS item ORDER BY item), ',')"
        ),
        Some(Kind::String) => format!("COALESCE({name}, '')"),
        _ => format!("COALESCE(CAST({name} AS STRING), '')"),
    };
    let texts: Vec<String> = columns.iter().map(text).collect();
    format!("CONCAT('', {})", texts.join(", '|', "))
}

fn path_and_iid(row: ResultRow) -> Result<(String, i64), Error> {
    Ok((row.get("full_path")?, row.get("iid")?))
}
