//! Whose the raw tables are: ids mean something in one GitLab only.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use mergemind_shared::warehouse::Kind::String as Text;
use mergemind_shared::warehouse::{Column, Commit, Error as WarehouseError, ResultRow, Table, TableRows, Value};

use crate::gitlab::{self, Connection, Owner, Purpose, Selection, time_of};
use crate::streams::{Node, projects};
use crate::sync::error::Error;
use crate::sync::raw_tables::RawTables;
use crate::sync::resources::Resources;

/// The name of GitLab's address.
const ADDRESS: &str = "gitlab_base_url";
/// Projects that are looked at where the address is another one.
const SAMPLE: usize = 50;

/// `_meta`: what holds for all raw tables.
pub fn table() -> Table {
    Table {
        name: "_meta",
        description: "What holds for all raw tables, by name: the GitLab that they are of.",
        columns: vec![
            Column::new("name", Text, "What it is."),
            Column::new("value", Text, "What it says."),
        ],
        primary_key: &["name"],
        version: None,
        partition_by: None,
        cluster_by: &[],
    }
}

/// Makes sure that the raw tables are of the GitLab that is configured; once in a process. One that has only moved to
/// another address shows the projects that are there.
///
/// # Errors
/// [`Error::OtherGitLab`] if they are of another one.
pub async fn check(inner: &Resources) -> Result<(), Error> {
    if inner.is_ours.load(Ordering::Relaxed) {
        return Ok(());
    }
    let table = table();
    let ours = inner.config.gitlab_url.as_str().trim_end_matches('/').to_owned();
    let rows = inner.warehouse.rows_of(&table).await?;
    let theirs = rows.into_iter().find_map(|row| match row.as_slice() {
        [Value::Text(name), Value::Text(value)] if name == ADDRESS => Some(value.clone()),
        _ => None,
    });
    if let Some(theirs) = theirs.filter(|theirs| *theirs != ours) {
        if !shows_them(inner).await? {
            return Err(Error::OtherGitLab { theirs, ours });
        }
        tracing::warn!(
            theirs,
            ours,
            "GitLab has another address than before, and the same projects"
        );
    }
    let batch = TableRows {
        table: &table,
        rows: vec![vec![Value::Text(ADDRESS.into()), Value::Text(ours)]],
        complete_set: None,
    };
    let commit = Commit {
        batches: vec![batch],
        ..Commit::default()
    };
    inner.warehouse.commit(commit).await?;
    inner.is_ours.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether GitLab shows a project of the raw tables, or there is none.
async fn shows_them(inner: &Resources) -> Result<bool, Error> {
    let sql = format!(
        "SELECT id, COALESCE(UNIX_MICROS(created_at), 0) AS created_at FROM {} WHERE NOT _deleted ORDER BY id LIMIT {SAMPLE}",
        inner.warehouse.name_of(projects::NAME)
    );
    let pair = |row: ResultRow| Ok((row.get("id")?, row.get("created_at")?));
    let rows = inner.warehouse.query(sql).await?.into_iter();
    let known: HashMap<i64, i64> = rows.map(pair).collect::<Result<_, WarehouseError>>()?;
    let list = Connection::new(Owner::GitLab, projects::LIST)
        .ids("Project", known.keys().copied())
        .nodes(Selection::parse("id createdAt"));
    let page = gitlab::fetch_one(&inner.client, &Purpose::new(projects::NAME, "Whose"), list).await?;
    let is_known = |node: &serde_json::Value| {
        let id = Node::new(node).number("id")?;
        let created = time_of(node, "createdAt")?.unix_timestamp_nanos() / 1000;
        Some(i128::from(*known.get(&id)?) == created)
    };
    Ok(known.is_empty() || page.nodes.iter().any(|node| is_known(node) == Some(true)))
}
