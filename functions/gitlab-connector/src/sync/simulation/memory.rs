//! Raw tables in memory: what the warehouse's statements do, said once more and without SQL. Commits can
//! fail before or after they took effect, as when the process or the connection dies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use gitlab_sim::instant;
use gitlab_sim::random::Random;
use mergemind_shared::warehouse::{Commit, Error, Row, SoftDelete, Table, Value, Within, Written};
use serde_json::{Map, Value as Json, json};

use crate::ledger::{Entry, Gap};
use crate::streams::{Stream, Streams};
use crate::sync::raw_tables::{Belonging, KnownRow, RawTables, RowKey, WrittenRow, WrittenRows, WrittenSince};
use crate::sync::simulation::state::State;
use crate::sync::state::Cursors;

pub struct Memory(Mutex<State>);

impl Memory {
    pub fn new(seed: u64) -> Self {
        Self::of(seed, Streams::new())
    }

    pub fn of(seed: u64, streams: Streams) -> Self {
        Self(Mutex::new(State {
            streams,
            tables: BTreeMap::new(),
            cursors: Cursors::new(),
            mark: 0,
            marks: BTreeMap::new(),
            random: Random::of(seed, 702, 0),
            failures: 0,
            largest: BTreeMap::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn cursors(&self) -> Cursors {
        self.state().cursors.clone()
    }

    pub fn largest_batch(&self, table: &str) -> usize {
        self.state().largest.get(table).copied().unwrap_or_default()
    }

    pub fn disturb(&self, random: &mut Random) {
        self.state().failures = [0, 10, 30][random.below(3) as usize];
    }

    pub fn calm(&self) {
        self.state().failures = 0;
    }

    /// Changes the rows of a table, as somebody might who has access to it: `None` takes a row out.
    pub fn meddle(&self, table: &'static str, mut change: impl FnMut(usize, Row) -> Option<Row>) {
        let mut state = self.state();
        let rows = std::mem::take(state.tables.entry(table).or_default());
        let kept = rows
            .into_iter()
            .enumerate()
            .filter_map(|(place, (key, (row, deleted)))| {
                let row = change(place, row)?;
                Some((key, (row, deleted)))
            });
        let kept = kept.collect();
        state.tables.insert(table, kept);
    }

    /// What the ledger says.
    pub fn ledger(&self) -> (Vec<Entry>, Vec<Gap>) {
        let state = self.state();
        let entries = state.alive("_ledger").map(Entry::of).collect();
        (entries, state.alive("_ledger_gaps").map(Gap::of).collect())
    }

    /// What `_rejected` holds: the stream, the reason, and what was kept.
    pub fn rejected(&self) -> Vec<(String, String, Json)> {
        let state = self.state();
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            _ => String::new(),
        };
        let told = state.alive("_rejected").map(|row| {
            let kept = serde_json::from_str(&text(&row[3])).unwrap_or_default();
            (text(&row[1]), text(&row[2]), kept)
        });
        told.collect()
    }

    /// A table's rows that are not deleted, as the simulated GitLab prints them.
    pub fn rows(&self, table: &str) -> Vec<Json> {
        let state = self.state();
        let columns = &state.streams.named(table).table.columns;
        let print = |row: &Row| {
            let named = columns
                .iter()
                .zip(row)
                .map(|(column, value)| (column.name.to_owned(), json_of(value)));
            Json::Object(named.collect::<Map<_, _>>())
        };
        let rows = state.tables.get(table).into_iter().flat_map(BTreeMap::values);
        rows.filter(|(_, deleted)| !deleted)
            .map(|(row, _)| print(row))
            .collect()
    }
}

fn json_of(value: &Value) -> Json {
    const DAY: i64 = 86_400_000_000;
    match value {
        Value::Null => Json::Null,
        Value::Int(v) => json!(v),
        Value::Float(v) => json!(v),
        Value::Bool(v) => json!(v),
        Value::Text(v) => json!(v),
        Value::Time(v) => json!(instant::print(*v)),
        Value::Day(v) => json!(instant::print_date(i64::from(*v) * DAY)),
        Value::Ints(v) => json!(v),
        Value::Texts(v) => json!(v),
    }
}

impl RawTables for Memory {
    fn commit<'a>(&'a self, commit: Commit<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let done = self.state().commit(commit);
        Box::pin(async move { done })
    }

    fn fingerprints<'a>(
        &'a self,
        stream: &'a Stream,
        ids: &'a [i64],
    ) -> BoxFuture<'a, Result<HashMap<i64, String>, Error>> {
        let state = self.state();
        let found = state
            .alive(stream.name())
            .filter_map(|row| match state.column(stream.name(), row, "id") {
                Value::Int(id) if ids.contains(id) => Some((*id, state.fingerprint(stream, row))),
                _ => None,
            });
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }

    fn known<'a>(&'a self, stream: &'a Stream, within: &'a [Within]) -> BoxFuture<'a, Result<Vec<KnownRow>, Error>> {
        let state = self.state();
        let bounds = SoftDelete {
            table: &stream.table,
            within: within.to_vec(),
            present: Vec::new(),
        };
        let rows = &state.tables.get(stream.name());
        let found = state.would_delete(&bounds).into_iter().filter_map(|key| {
            let (row, _) = rows.and_then(|rows| rows.get(&key))?;
            let number = |column| match state.column(stream.name(), row, column) {
                Value::Int(number) => *number,
                _ => 0,
            };
            Some(KnownRow {
                id: number("id"),
                project: number("project_id"),
                fingerprint: state.fingerprint(stream, row),
                updated_at: match state.column(stream.name(), row, "updated_at") {
                    Value::Time(at) => *at,
                    _ => 0,
                },
            })
        });
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }

    fn missing_from<'a>(&'a self, soft_delete: &'a SoftDelete<'a>) -> BoxFuture<'a, Result<Vec<i64>, Error>> {
        let keys = self.state().would_delete(soft_delete);
        let ids = keys
            .iter()
            .filter_map(|key| key.trim_end_matches('/').parse().ok())
            .collect();
        Box::pin(async move { Ok(ids) })
    }

    fn with_heads<'a>(&'a self, shas: &'a BTreeSet<String>) -> BoxFuture<'a, Result<Vec<(String, i64)>, Error>> {
        let state = self.state();
        let mut found = Vec::new();
        for row in state.alive("merge_requests") {
            if !shas.contains(&state.text("merge_requests", row, "head_sha")) {
                continue;
            }
            let project = state.text("merge_requests", row, "project_id");
            let path = state
                .alive("projects")
                .find(|row| state.text("projects", row, "id") == project)
                .map(|row| state.text("projects", row, "full_path"));
            if let (Some(path), Value::Int(iid)) = (path, state.column("merge_requests", row, "iid")) {
                found.push((path, *iid));
            }
        }
        Box::pin(async move { Ok(found) })
    }

    fn written<'a>(&'a self, stream: &'a Stream, since: WrittenSince<'a>) -> BoxFuture<'a, Result<WrittenRows, Error>> {
        let (table, owner) = (stream.name(), stream.owner_column());
        let state = self.state();
        let number = |row: &Row, column: &str| match state.column(table, row, column) {
            Value::Int(number) => *number,
            _ => 0,
        };
        let mark = |key: &str| state.marks.get(&(table, key.to_owned())).copied().unwrap_or_default();
        let rows = state.tables.get(table).into_iter().flatten();
        let newest = rows.clone().map(|(key, _)| mark(key)).max();
        let rows = rows.filter(|(_, (_, deleted))| !deleted).map(|(key, (row, _))| {
            let written = WrittenRow {
                owner: number(row, owner),
                iid: number(row, "iid"),
                id: number(row, "id"),
            };
            (mark(key), written)
        });
        let is_wanted = |(mark, row): &(i64, WrittenRow)| {
            let is_new = *mark > since.mark || since.whole.contains(&row.owner);
            is_new && row.id > since.above && since.owners.contains(&row.owner)
        };
        let mut rows: Vec<WrittenRow> = rows.filter(is_wanted).map(|(_, row)| row).collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows.truncate(since.most);
        let newest = newest.filter(|_| !rows.is_empty());
        Box::pin(async move { Ok(WrittenRows { rows, newest }) })
    }

    fn counts<'a>(
        &'a self,
        stream: &'a Stream,
        projects: &'a [i64],
        deleted: bool,
    ) -> BoxFuture<'a, Result<HashMap<i64, u64>, Error>> {
        let state = self.state();
        let mut counts = HashMap::new();
        for (row, is_deleted) in state.tables.get(stream.name()).into_iter().flat_map(BTreeMap::values) {
            match state.column(stream.name(), row, "project_id") {
                Value::Int(project) if *is_deleted == deleted && projects.contains(project) => {
                    *counts.entry(*project).or_default() += 1;
                }
                _ => {}
            }
        }
        Box::pin(async move { Ok(counts) })
    }

    fn keys<'a>(&'a self, stream: &'a Stream, projects: &'a [i64]) -> BoxFuture<'a, Result<Vec<RowKey>, Error>> {
        let keys = self.state().keys(stream, projects);
        Box::pin(async move { Ok(keys) })
    }

    fn belonging<'a>(
        &'a self,
        _: &'a Streams,
        streams: &'a [&'a Stream],
        projects: &'a [i64],
    ) -> BoxFuture<'a, Result<Belonging, Error>> {
        let belonging = self.state().belonging(streams, projects);
        Box::pin(async move { Ok(belonging) })
    }

    fn rows_of<'a>(&'a self, table: &'a Table) -> BoxFuture<'a, Result<Vec<Row>, Error>> {
        let rows = self.state().alive(table.name).cloned().collect();
        Box::pin(async move { Ok(rows) })
    }

    fn has_dangling_refs<'a>(&'a self, streams: &'a Streams) -> BoxFuture<'a, Result<bool, Error>> {
        let state = self.state();
        let unknown = |table: &str, column: &str, parents: &str| {
            state.alive(table).any(|row| match state.column(table, row, column) {
                Value::Int(id) => !state
                    .tables
                    .get(parents)
                    .is_some_and(|rows| rows.contains_key(&format!("{id}/"))),
                _ => false,
            })
        };
        let dangles = streams
            .references()
            .any(|(stream, column, parents)| unknown(stream.name(), column, parents));
        Box::pin(async move { Ok(dangles) })
    }
}
