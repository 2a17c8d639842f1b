//! Whose the raw tables are: ids mean something in one GitLab only.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use mergemind_shared::warehouse::Kind::String as Text;
use mergemind_shared::warehouse::{Column, Commit, Error as WarehouseError, ResultRow, Table, TableRows, Value};

use xxhash_rust::xxh3::xxh3_64;

use crate::gitlab::{self, Connection, Owner, Purpose, Selection, time_of};
use crate::streams::{Node, projects};
use crate::sync::error::Error;
use crate::sync::raw_tables::RawTables;
use crate::sync::resources::Resources;

/// The name of GitLab's address.
const ADDRESS: &str = "gitlab_base_url";
/// The name of what tells it from others.
const INSTANCE: &str = "gitlab_instance";
/// Projects that are looked at where the address is another one.
const SAMPLE: usize = 50;

/// `_meta`: what holds for all raw tables.
pub fn table() -> Table {
    Table {
        name: "_meta",
        description: "What holds for all raw tables, by name: address and id of the GitLab that they are of.",
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
/// another address shows the projects that are there, and one that was set up anew at the same address shows others.
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
    let known = match theirs {
        Some(_) => sample(inner).await?,
        None => BTreeMap::new(),
    };
    if let Some(theirs) = theirs {
        let shown = shown(inner, &known).await?;
        let is_same = known.is_empty() || shown.same > 0;
        // At the same address projects that are not shown may all have been deleted.
        if !is_same && (theirs != ours || shown.others > 0) {
            return Err(Error::OtherGitLab { theirs, ours });
        }
        if theirs != ours {
            tracing::warn!(
                theirs,
                ours,
                "GitLab has another address than before, and the same projects"
            );
        }
    }
    let named = |name: &str, value: String| vec![Value::Text(name.into()), Value::Text(value)];
    let mut rows = vec![named(ADDRESS, ours)];
    rows.extend(instance_id(&known).map(|id| named(INSTANCE, id)));
    let batch = TableRows {
        table: &table,
        rows,
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

/// Some projects of the raw tables, by id, with their times of creation in microseconds since 1970.
async fn sample(inner: &Resources) -> Result<BTreeMap<i64, i64>, Error> {
    let sql = format!(
        "SELECT id, COALESCE(UNIX_MICROS(created_at), 0) AS created_at FROM {} WHERE NOT _deleted ORDER BY id LIMIT {SAMPLE}",
        inner.warehouse.name_of(projects::NAME)
    );
    let pair = |row: ResultRow| Ok((row.get("id")?, row.get("created_at")?));
    let rows = inner.warehouse.query(sql).await?.into_iter();
    Ok(rows.map(pair).collect::<Result<_, WarehouseError>>()?)
}

/// How many of these projects GitLab shows, and how many others that have their ids.
#[derive(Default)]
struct ShownProjects {
    same: usize,
    others: usize,
}

async fn shown(inner: &Resources, known: &BTreeMap<i64, i64>) -> Result<ShownProjects, Error> {
    let list = Connection::new(Owner::GitLab, projects::LIST)
        .ids("Project", known.keys().copied())
        .nodes(Selection::parse("id createdAt"));
    let page = gitlab::fetch_one(&inner.client, &Purpose::new(projects::NAME, "Whose"), list).await?;
    let is_known = |node: &serde_json::Value| {
        let id = Node::new(node).number("id")?;
        let created = time_of(node, "createdAt")?.unix_timestamp_nanos() / 1000;
        Some(i128::from(*known.get(&id)?) == created)
    };
    let mut shown = ShownProjects::default();
    for is_same in page.nodes.iter().filter_map(is_known) {
        match is_same {
            true => shown.same += 1,
            false => shown.others += 1,
        }
    }
    Ok(shown)
}

/// What tells a GitLab from others, whatever its address: GitLab gives no id of its own to users, so it is a hash of the
/// first project's id and time of creation.
fn instance_id(known: &BTreeMap<i64, i64>) -> Option<String> {
    let (id, created_at) = known.first_key_value()?;
    let bytes = [id.to_le_bytes(), created_at.to_le_bytes()].concat();
    Some(format!("{:016x}", xxh3_64(&bytes)))
}
