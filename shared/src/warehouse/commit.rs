//! Rows and their cursor, in one transaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::schema::Table;
use super::sql::{self, CURSORS, Merge};
use super::value::{Row, Value};
use super::{Error, Warehouse};

/// How often a transaction is tried that BigQuery rolls back because of a concurrent one.
const ATTEMPTS: u32 = 6;

/// Rows for one raw table.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The table.
    pub table: &'a Table,
    /// Its rows; of several with one primary key the last counts.
    pub rows: Vec<Row>,
}

/// A cursor's step, which is only taken if it still is where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// The stream.
    pub stream: String,
    /// The group or project.
    pub scope: String,
    /// The position before; `None` if there is none yet.
    pub from: Option<String>,
    /// The position after.
    pub to: String,
    /// What is complete up to this instant (microseconds since 1970); for people who read the table.
    pub at: Option<i64>,
}

impl Warehouse {
    /// Upserts rows and moves their cursor: all of it happens, or nothing.
    ///
    /// A row whose values are those in the table already is not written. The result tells, for each
    /// batch, how many rows were inserted or changed.
    ///
    /// # Errors
    /// [`Error::CursorMoved`] if another sync was faster; otherwise whatever BigQuery says. Nothing was
    /// written then, unless the connection broke during the commit itself, and then the cursor tells.
    pub async fn commit(&self, batches: Vec<Batch<'_>>, cursor: Option<&CursorMove>) -> Result<Vec<u64>, Error> {
        let begun = Instant::now();
        let synced_at = unique_now();
        let batches: Vec<Batch> = batches
            .into_iter()
            .map(|batch| Batch {
                table: batch.table,
                rows: last_of_each_key(batch.table, batch.rows),
            })
            .collect();
        let mut merges = Vec::new();
        let mut places = Vec::new();
        for batch in &batches {
            if batch.rows.is_empty() {
                places.push(None);
                continue;
            }
            let stage = self.stage(batch.table, &batch.rows, synced_at).await?;
            places.push(Some(merges.len()));
            merges.push(Merge {
                table: batch.table,
                raw: self.name_of(batch.table.name),
                stage: self.name_of(&stage),
                rows: &batch.rows,
            });
        }
        let script = sql::commit(&merges, &self.name_of(CURSORS), cursor, synced_at);
        let staged = begun.elapsed();
        let rows = self.run_transaction(&script).await?;
        tracing::debug!(
            rows = batches.iter().map(|batch| batch.rows.len()).sum::<usize>(),
            stage_ms = staged.as_millis() as u64,
            merge_ms = (begun.elapsed() - staged).as_millis() as u64,
            "committed"
        );
        let row = rows
            .first()
            .ok_or_else(|| Error::Answer("a commit returned no counts".into()))?;
        places
            .into_iter()
            .map(|place| match place {
                None => Ok(0),
                Some(index) => {
                    let count: i64 = row.get(format!("n{index}").as_str())?;
                    Ok(count.unsigned_abs())
                }
            })
            .collect()
    }

    async fn run_transaction(&self, script: &str) -> Result<Vec<google_cloud_bigquery::query::Row>, Error> {
        let mut attempt = 1;
        loop {
            match self.query(script).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                    tracing::warn!(attempt, "a concurrent transaction was faster; trying again");
                    let jitter = (unique_now() % 400).unsigned_abs();
                    tokio::time::sleep(Duration::from_millis(500 * u64::from(attempt) + jitter)).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }
}

/// BigQuery refuses a MERGE in which two source rows meet one target row.
fn last_of_each_key(table: &Table, rows: Vec<Row>) -> Vec<Row> {
    let Some(key) = table.position(table.primary_key) else {
        return rows;
    };
    let mut places: HashMap<i64, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let Value::Int(id) = row[key] else { continue };
        match places.get(&id) {
            Some(place) => kept[*place] = row,
            None => {
                places.insert(id, kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

/// The current time in microseconds, but never the same twice in this process: it marks one commit.
fn unique_now() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64);
    LAST.fetch_max(now, Ordering::SeqCst);
    LAST.fetch_add(1, Ordering::SeqCst) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warehouse::schema::{Column, Kind};

    #[test]
    fn of_rows_with_one_key_the_last_counts() {
        let column = |name, kind| Column {
            name,
            kind,
            description: "",
        };
        let table = Table {
            name: "t",
            description: "",
            columns: vec![column("id", Kind::Int64), column("v", Kind::String)],
            primary_key: "id",
            version: None,
            partition_by: None,
            cluster_by: &[],
        };
        let row = |id, v: &str| vec![Value::Int(id), Value::Text(v.into())];
        let kept = last_of_each_key(&table, vec![row(1, "a"), row(2, "b"), row(1, "c")]);
        assert_eq!(kept, vec![row(1, "c"), row(2, "b")]);
    }

    #[test]
    fn no_two_commits_share_an_instant() {
        let (a, b) = (unique_now(), unique_now());
        assert!(b > a);
    }
}
