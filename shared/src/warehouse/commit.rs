//! Rows and their cursors, in one transaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::connection::{ResultRow, Warehouse};
use super::error::Error;
use super::fit::{Cut, fit};
use super::persist::persist;
use super::refusal::Reason;
use super::schema::Table;
use super::sql::{self, CompleteSet, CursorMove, Lease, Mark, Merge, SoftDelete, TableNames};
use super::value::Row;

/// Stage tables that are filled at once: each takes BigQuery about a second, most of it waiting.
const STAGES_AT_ONCE: usize = 4;
/// A commit of so many statements that change data, each of which takes BigQuery half a second or more, is worth a question before it: which
/// of them would change nothing. What an event reads is mostly what is there already.
const WORTH_A_QUESTION: usize = 4;
/// Of more rows than these, some have changed.
const FEW_ROWS: usize = 1_000;

/// Rows for one raw table.
#[derive(Clone, Debug)]
pub struct TableRows<'a> {
    /// The table.
    pub table: &'a Table,
    /// Its rows; of several with one primary key the last counts.
    pub rows: Vec<Row>,
    /// Of which parents these are all the rows.
    pub complete_set: Option<CompleteSet>,
}

/// All that happens in one transaction, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit<'a> {
    /// Rows to upsert.
    pub batches: Vec<TableRows<'a>>,
    /// Rows to mark as deleted; after the batches, in this order.
    pub soft_deletes: Vec<SoftDelete<'a>>,
    /// Steps of cursors.
    pub cursor: Option<CursorMove>,
    /// What to remember if anything was written.
    pub mark: Option<Mark>,
    /// The right to write, which must not have been lost meanwhile.
    pub lease: Option<Lease>,
}

/// How many rows a commit inserted, changed or marked as deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// For each batch.
    pub batches: Vec<u64>,
    /// For each soft delete.
    pub soft_deletes: Vec<u64>,
}

impl Warehouse {
    /// Upserts rows, marks what is gone, and moves cursors: all of it happens, or nothing.
    ///
    /// A row whose values are those in the table already is not written.
    ///
    /// # Errors
    /// [`Error::CursorMoved`] if another sync was faster, [`Error::LeaseLost`] if another one has the
    /// lease now; otherwise whatever BigQuery says. Nothing was written then, unless the connection broke
    /// during the commit itself, and then the cursor tells.
    pub async fn commit(&self, commit: Commit<'_>) -> Result<Written, Error> {
        let begun = Instant::now();
        let synced_at = unique_now();
        let batches = commit.batches.into_iter().map(fitting).map(last_of_each_key);
        let batches: Vec<TableRows> = batches.collect();
        let is_needed = self.needed(&batches).await?;
        let needed = || batches.iter().zip(&is_needed).filter(|(_, is_needed)| **is_needed);
        if needed().next().is_none() && commit.soft_deletes.is_empty() && commit.cursor.is_none() {
            return Ok(Written {
                batches: vec![0; batches.len()],
                soft_deletes: Vec::new(),
            });
        }
        let mut stages: Vec<BoxFuture<'_, Result<Merge<'_>, Error>>> = Vec::new();
        for (batch, _) in needed() {
            stages.push(self.staged(batch, synced_at).boxed());
        }
        let mut merges: Vec<Merge> = stream::iter(stages).buffered(STAGES_AT_ONCE).try_collect().await?;
        let script = |merges: &[Merge<'_>]| {
            let guards = sql::CommitGuards {
                cursor: commit.cursor.as_ref(),
                mark: commit.mark.as_ref(),
                lease: commit.lease.as_ref(),
            };
            let names = TableNames(&|table: &str| self.name_of(table));
            sql::commit(merges, &commit.soft_deletes, &guards, synced_at, &names)
        };
        let staged = begun.elapsed();
        let rows = match self.run_transaction(&script(&merges)).await {
            Err(Error::RowsMoved) => {
                tracing::warn!("rows have another time of creation than before; looking for them in all partitions");
                merges.iter_mut().for_each(|merge| merge.is_pruned = false);
                self.run_transaction(&script(&merges)).await?
            }
            outcome => outcome?,
        };
        tracing::debug!(
            rows = batches.iter().map(|batch| batch.rows.len()).sum::<usize>(),
            stage_ms = staged.as_millis() as u64,
            merge_ms = (begun.elapsed() - staged).as_millis() as u64,
            "committed"
        );
        let row = rows
            .first()
            .ok_or_else(|| Error::Answer("a commit returned no counts".into()))?;
        let count = |name: String| -> Result<u64, Error> {
            let count: i64 = row.get(name.as_str())?;
            Ok(count.unsigned_abs())
        };
        let mut merged = 0..merges.len();
        let mut of_batch = |is_needed: &bool| match is_needed.then(|| merged.next()).flatten() {
            Some(place) => count(format!("n{place}")),
            None => Ok(0),
        };
        Ok(Written {
            batches: is_needed.iter().map(&mut of_batch).collect::<Result<_, _>>()?,
            soft_deletes: (0..commit.soft_deletes.len())
                .map(|n| count(format!("s{n}")))
                .collect::<Result<_, _>>()?,
        })
    }

    /// For each batch whether it can change its table.
    async fn needed(&self, batches: &[TableRows<'_>]) -> Result<Vec<bool>, Error> {
        let all_are = || Ok(vec![true; batches.len()]);
        let merges: Vec<Merge> = batches.iter().map(|batch| self.merge_of(batch, None)).collect();
        let rows: usize = batches.iter().map(|batch| batch.rows.len()).sum();
        if sql::statements(&merges) < WORTH_A_QUESTION || rows > FEW_ROWS {
            return all_are();
        }
        let answer = self.query(sql::unchanged_question(&merges)).await?;
        let row = answer
            .first()
            .ok_or_else(|| Error::Answer("a question has no answer".into()))?;
        let is_needed = |place: usize| -> Result<bool, Error> {
            let is_unchanged: bool = row.get(format!("u{place}").as_str())?;
            Ok(!is_unchanged)
        };
        (0..batches.len()).map(is_needed).collect()
    }

    fn merge_of<'a>(&self, batch: &'a TableRows<'_>, stage: Option<String>) -> Merge<'a> {
        Merge {
            table: batch.table,
            raw: self.name_of(batch.table.name),
            stage,
            rows: &batch.rows,
            complete_set: batch.complete_set.as_ref(),
            is_pruned: true,
        }
    }

    async fn staged<'a>(&self, batch: &'a TableRows<'_>, synced_at: i64) -> Result<Merge<'a>, Error> {
        let stage = if batch.rows.is_empty() {
            None
        } else {
            Some(self.name_of(&self.stage(batch.table, &batch.rows, synced_at).await?))
        };
        Ok(self.merge_of(batch, stage))
    }

    /// Runs a script that is a transaction, again if nothing of it has happened. Where that is not sure, the caller
    /// gets the error, and the cursor tells.
    ///
    /// # Errors
    /// If BigQuery still refuses it after retries, or it is not sure whether it took effect.
    pub(super) async fn run_transaction(&self, script: &str) -> Result<Vec<ResultRow>, Error> {
        persist("a transaction", Reason::is_before_commit, || self.query_once(script)).await
    }
}

/// No row may stop a commit. Who wants to know of cuts makes them before.
fn fitting(mut batch: TableRows<'_>) -> TableRows<'_> {
    for row in &mut batch.rows {
        for Cut { place, kept, of } in fit(row) {
            let (table, column) = (batch.table.name, batch.table.columns[place].name);
            tracing::warn!(
                table,
                column,
                kept,
                of,
                "a value is cut: no row may be larger than BigQuery's appends"
            );
        }
    }
    batch
}

/// BigQuery refuses a MERGE in which two source rows meet one target row. A row without a whole key
/// can't be told from others and is left out.
pub fn last_of_each_key(batch: TableRows<'_>) -> TableRows<'_> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(batch.rows.len());
    let mut kept: Vec<Row> = Vec::with_capacity(batch.rows.len());
    for row in batch.rows {
        let Some(key) = batch.table.key_of(&row) else { continue };
        match places.get(&key) {
            Some(place) => kept[*place] = row,
            None => {
                places.insert(key, kept.len());
                kept.push(row);
            }
        }
    }
    TableRows { rows: kept, ..batch }
}

/// When the newest commit was marked by this process.
static LAST: AtomicI64 = AtomicI64::new(0);

/// The mark (`_synced_at`, microseconds since 1970) of the newest commit that this process has begun; 0 before
/// the first one.
pub fn newest_mark() -> i64 {
    LAST.load(Ordering::SeqCst)
}

/// Has all later commits of this process marked after `mark`: whatever the clocks of machines say, what is written later
/// comes later in the order of marks.
pub fn mark_after(mark: i64) {
    LAST.fetch_max(mark, Ordering::SeqCst);
}

/// The current time in microseconds, but never the same twice in this process: it marks one commit.
fn unique_now() -> i64 {
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
    use crate::warehouse::value::Value;

    #[test]
    fn of_rows_with_one_key_the_last_counts() {
        let column = |name, kind| Column::new(name, kind, "");
        let table = Table {
            name: "t",
            description: "",
            columns: vec![
                column("id", Kind::Int64),
                column("name", Kind::String),
                column("v", Kind::String),
            ],
            primary_key: &["id", "name"],
            version: None,
            partition_by: None,
            cluster_by: &[],
        };
        let row = |id, name: &str, v: &str| vec![Value::Int(id), Value::Text(name.into()), Value::Text(v.into())];
        let nameless = vec![Value::Int(1), Value::Null, Value::Text("x".into())];
        let rows = vec![row(1, "m", "a"), row(1, "n", "b"), nameless, row(1, "m", "c")];
        let batch = TableRows {
            table: &table,
            rows,
            complete_set: None,
        };
        assert_eq!(last_of_each_key(batch).rows, vec![row(1, "m", "c"), row(1, "n", "b")]);
    }

    #[test]
    fn no_two_commits_share_an_instant() {
        let (a, b) = (unique_now(), unique_now());
        assert!(b > a);
        mark_after(b + 1000);
        assert!(unique_now() > b + 1000, "a clock that is behind");
    }
}
