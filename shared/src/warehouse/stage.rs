//! Stage tables: rows arrive in them by the Storage Write API, are merged from, and dropped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use google_cloud_bigquery::error::CommitError;
use google_cloud_bigquery::model::storage_error::StorageErrorCode;
use google_cloud_bigquery::model::{ArrowRecordBatch, ArrowSchema};
use google_cloud_bigquery::write::PendingWriter;
use google_cloud_bigquery::write::format::Arrow;
use uuid::Uuid;

use super::encode::encode;
use super::persist::persist;
use super::schema::Table;
use super::value::Row;
use super::{Error, Warehouse};

/// A stage that a killed sync leaves behind disappears after this time.
const EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

impl Warehouse {
    /// Puts rows into a new stage table and returns its name.
    ///
    /// # Errors
    /// If BigQuery still refuses after retries.
    pub(super) async fn stage(&self, table: &Table, rows: &[Row], synced_at: i64) -> Result<String, Error> {
        let name = format!("_stage_{}_{}", table.name, Uuid::new_v4().simple());
        self.create_passing(&name, table).await.map_err(Error::of_stage)?;
        let encoded = encode(table, rows, synced_at)?;
        let (project, dataset) = (&self.settings.project, &self.settings.dataset);
        let path = format!("projects/{project}/datasets/{dataset}/tables/{name}");
        for batch in &encoded.batches {
            // Again with another stream: rows of a stream that is never committed do not exist.
            let fill = || self.filled(&path, &encoded.schema, batch);
            let stream = persist("staging rows", |_| true, fill).await?;
            // Again with the same one, which can only be committed once.
            persist("committing staged rows", |_| true, || commit(&stream)).await?;
        }
        Ok(name)
    }

    /// A stream of a table with these rows, finalized but not committed.
    async fn filled(&self, table: &str, schema: &Bytes, batch: &Bytes) -> Result<PendingWriter<Arrow>, Error> {
        // One stream for each request: the client names the stream only in its first request on
        // it, and the emulator wants it in all of them.
        let schema = ArrowSchema::new().set_serialized_schema(schema.clone());
        let writer: PendingWriter<Arrow> = self.writes.create_stream(table).build_arrow(schema).await?;
        let rows = ArrowRecordBatch::new().set_serialized_record_batch(batch.clone());
        writer.append(rows).send().await?;
        writer.finalize().await.map_err(|error| Error::from(error).of_stage())?;
        Ok(writer)
    }

    /// Makes a table that disappears by itself if nobody removes it before.
    ///
    /// # Errors
    /// If BigQuery still refuses after retries.
    pub(super) async fn create_passing(&self, name: &str, table: &Table) -> Result<(), Error> {
        let expires = SystemTime::now() + EXPIRY;
        let expires = expires
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        self.create(self.described(name, table.all_columns()).set_expiration_time(expires))
            .await
    }
}

/// Commits a stream, unless an attempt whose answer was lost has done so already.
async fn commit(stream: &PendingWriter<Arrow>) -> Result<(), Error> {
    match stream.commit().await {
        Err(CommitError::FailedTransaction { stream_errors, .. })
            if !stream_errors.is_empty()
                && stream_errors
                    .iter()
                    .all(|error| error.code == StorageErrorCode::StreamAlreadyCommitted) =>
        {
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::warehouse::schema::{Column, Kind};
    use crate::warehouse::{Emulator, Settings};

    /// A warehouse that answers every request with this status.
    fn answers(status: u16) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let _ = stream.read(&mut [0; 65_536]);
                let body = format!(r#"{{"error":{{"code":{status},"message":"no"}}}}"#);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        address
    }

    #[tokio::test]
    async fn a_stage_that_is_there_already_was_made_by_a_try_whose_answer_was_lost() {
        let table = Table {
            name: "t",
            description: "",
            columns: vec![Column {
                name: "id",
                kind: Kind::Int64,
                description: "",
            }],
            primary_key: &["id"],
            version: None,
            partition_by: None,
            cluster_by: &[],
        };
        for (status, made) in [(409, true), (403, false)] {
            let address = answers(status);
            let settings = Settings {
                project: "p".into(),
                dataset: "d".into(),
                location: None,
                emulator: Some(Emulator {
                    rest: address.clone(),
                    storage: address,
                }),
            };
            let warehouse = Warehouse::connect(settings).await.expect("clients");
            let outcome = warehouse.create_passing("_stage_t_1", &table).await;
            assert_eq!(outcome.is_ok(), made, "{status}: {outcome:?}");
        }
    }
}
