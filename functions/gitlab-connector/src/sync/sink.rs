//! Where rows go, and what is asked about rows that went there before.

use std::collections::{BTreeSet, HashSet};

use futures::future::BoxFuture;
use mergemind_shared::warehouse::{Commit, Error, ResultRow, Sweep, Warehouse, Written};

/// A place for rows. The warehouse is one; an answer to Fivetran is another.
pub trait Sink: Send + Sync {
    /// Takes rows and moves a cursor: all of it, or nothing.
    fn commit<'a>(&'a self, commit: Commit<'a>) -> BoxFuture<'a, Result<Written, Error>>;

    /// Which of these ids the table has, and not as deleted.
    fn known<'a>(&'a self, table: &'static str, ids: &'a [i64]) -> BoxFuture<'a, Result<HashSet<i64>, Error>>;

    /// The ids that a sweep would mark as deleted.
    fn would_mark<'a>(&'a self, sweep: &'a Sweep<'a>) -> BoxFuture<'a, Result<Vec<i64>, Error>>;

    /// The merge requests with one of these head commits: their project's path and their number.
    fn with_heads<'a>(&'a self, shas: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Vec<(String, i64)>, Error>>;

    /// Whether a row refers to a label or milestone that is not there.
    fn dangles(&self) -> BoxFuture<'_, Result<bool, Error>>;
}

impl Sink for Warehouse {
    fn commit<'a>(&'a self, commit: Commit<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        Box::pin(self.commit(commit))
    }

    fn known<'a>(&'a self, table: &'static str, ids: &'a [i64]) -> BoxFuture<'a, Result<HashSet<i64>, Error>> {
        Box::pin(async move {
            if ids.is_empty() {
                return Ok(HashSet::new());
            }
            let list: Vec<String> = ids.iter().map(i64::to_string).collect();
            let sql = format!(
                "SELECT id FROM {} WHERE NOT _deleted AND id IN ({})",
                self.name_of(table),
                list.join(", ")
            );
            let rows = self.query(sql).await?;
            rows.into_iter().map(|row| Ok(row.get("id")?)).collect()
        })
    }

    fn would_mark<'a>(&'a self, sweep: &'a Sweep<'a>) -> BoxFuture<'a, Result<Vec<i64>, Error>> {
        Box::pin(self.swept(sweep))
    }

    fn with_heads<'a>(&'a self, shas: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Vec<(String, i64)>, Error>> {
        Box::pin(async move {
            if shas.is_empty() {
                return Ok(Vec::new());
            }
            let list: Vec<String> = shas.iter().map(|sha| format!("'{sha}'")).collect();
            let sql = format!(
                "SELECT p.full_path, m.iid FROM {} m JOIN {} p ON p.id = m.project_id WHERE NOT m._deleted AND m.head_sha IN ({})",
                self.name_of("merge_requests"),
                self.name_of("projects"),
                list.join(", ")
            );
            let rows = self.query(sql).await?;
            rows.into_iter().map(path_and_iid).collect()
        })
    }

    fn dangles(&self) -> BoxFuture<'_, Result<bool, Error>> {
        let unknown = |table: &str, column: &str, parents: &str| {
            format!(
                "EXISTS (SELECT 1 FROM {} t LEFT JOIN {} p ON p.id = t.{column} WHERE t.{column} IS NOT NULL AND NOT t._deleted AND p.id IS NULL)",
                self.name_of(table),
                self.name_of(parents)
            )
        };
        let sql = format!(
            "SELECT {} OR {} OR {} AS dangles",
            unknown("mr_labels", "label_id", "labels"),
            unknown("merge_requests", "milestone_id", "milestones"),
            unknown("issues", "milestone_id", "milestones"),
        );
        Box::pin(async move {
            let rows = self.query(sql).await?;
            match rows.first() {
                Some(row) => Ok(row.get("dangles")?),
                None => Ok(false),
            }
        })
    }
}

fn path_and_iid(row: ResultRow) -> Result<(String, i64), Error> {
    Ok((row.get("full_path")?, row.get("iid")?))
}
