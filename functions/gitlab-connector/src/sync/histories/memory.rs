//! Raw tables in memory: what the warehouse's statements do, said once more and without SQL. Commits can
//! fail before or after they took effect, as when the process or the connection dies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use gitlab_sim::instant;
use gitlab_sim::random::Random;
use mergemind_shared::warehouse::{Commit, Error, Row, Sweep, Table, Value, Within, Written, last_of_each_key};
use serde_json::{Map, Value as Json, json};

use super::super::scopes::Cursors;
use super::super::sink::{Sink, Touched};
use crate::streams::Streams;

pub struct Memory(Mutex<State>);

struct State {
    streams: Streams,
    /// By table and key: the row, and whether it is marked as deleted.
    tables: BTreeMap<&'static str, BTreeMap<String, (Row, bool)>>,
    cursors: Cursors,
    random: Random,
    /// Per cent of commits that fail.
    failures: u64,
    /// By table: the most rows in one commit.
    largest: BTreeMap<&'static str, usize>,
}

impl Memory {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(State {
            streams: Streams::new(),
            tables: BTreeMap::new(),
            cursors: Cursors::new(),
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

impl State {
    fn commit(&mut self, commit: Commit<'_>) -> Result<Written, Error> {
        let fails = self.random.below(100) < self.failures;
        let before = self.random.below(2) == 0;
        let died = || Error::Query("the process died".into());
        if fails && before {
            return Err(died());
        }
        if let Some(cursor) = &commit.cursor {
            let key = (cursor.stream.clone(), cursor.scope.clone());
            if self.cursors.get(&key) != cursor.from.as_ref() {
                return Err(Error::CursorMoved);
            }
            self.cursors.insert(key, cursor.to.clone());
        }
        let mut written = Written::default();
        for batch in commit.batches {
            let whole = batch.whole.clone();
            let batch = last_of_each_key(batch);
            let largest = self.largest.entry(batch.table.name).or_default();
            *largest = batch.rows.len().max(*largest);
            let mut count = 0;
            let mut staged = BTreeSet::new();
            for row in batch.rows {
                let key = batch.table.key_of(&row).expect("a key");
                staged.insert(key.clone());
                count += u64::from(self.upsert(batch.table, key, row));
            }
            if let Some(whole) = whole {
                let place = batch.table.position(whole.column).expect("a column");
                for (key, (row, deleted)) in self.tables.entry(batch.table.name).or_default() {
                    let of_parent = matches!(row[place], Value::Int(id) if whole.parents.contains(&id));
                    if of_parent && !*deleted && !staged.contains(key) {
                        *deleted = true;
                        count += 1;
                    }
                }
            }
            written.batches.push(count);
        }
        for sweep in &commit.sweeps {
            let ids = self.swept(sweep);
            for key in &ids {
                let table = self.tables.entry(sweep.table.name).or_default();
                table.get_mut(key).expect("a row").1 = true;
            }
            written.sweeps.push(ids.len() as u64);
        }
        if fails { Err(died()) } else { Ok(written) }
    }

    fn upsert(&mut self, table: &Table, key: String, row: Row) -> bool {
        let rows = self.tables.entry(table.name).or_default();
        let Some((known, deleted)) = rows.get_mut(&key) else {
            rows.insert(key, (row, false));
            return true;
        };
        let older = table.version.and_then(|version| table.position(version)).is_some_and(
            |place| matches!((&row[place], &known[place]), (Value::Time(new), Value::Time(old)) if new < old),
        );
        if older || (*known == row && !*deleted) {
            return false;
        }
        (*known, *deleted) = (row, false);
        true
    }

    /// Keys of the rows that a sweep marks.
    fn swept(&self, sweep: &Sweep<'_>) -> Vec<String> {
        let number = |row: &Row, column: &str| match sweep.table.position(column).map(|place| &row[place]) {
            Some(Value::Int(id)) => Some(*id),
            _ => None,
        };
        let meets = |row: &Row, within: &Within| match within {
            Within::OneOf(column, ids) => number(row, column).is_some_and(|id| ids.contains(&id)),
            Within::Times(column, from, until) => {
                let place = sweep.table.position(column).expect("a column");
                matches!(row[place], Value::Time(at) if at >= *from && at < *until)
            }
            Within::IdsOf(column, ranges) => {
                let (of, id) = (number(row, column), number(row, "id").unwrap_or_default());
                ranges
                    .iter()
                    .any(|(wanted, from, until)| of == Some(*wanted) && id >= *from && id <= *until)
            }
            Within::Below(column, path) => {
                let place = sweep.table.position(column).expect("a column");
                matches!(&row[place], Value::Text(text) if text.starts_with(&format!("{path}/")))
            }
            Within::ParentGone(column, parent) => {
                let rows = self.tables.get(parent);
                let key = number(row, column).map(|id| format!("{id}/"));
                key.and_then(|key| rows?.get(&key)).is_some_and(|(_, deleted)| *deleted)
            }
        };
        let rows = self.tables.get(sweep.table.name).into_iter().flatten();
        rows.filter(|(_, (row, deleted))| {
            let present = number(row, "id").is_some_and(|id| sweep.present.contains(&id));
            !deleted && !present && sweep.within.iter().all(|within| meets(row, within))
        })
        .map(|(key, _)| key.clone())
        .collect()
    }

    fn column<'a>(&self, table: &str, row: &'a Row, column: &str) -> &'a Value {
        &row[self.streams.named(table).table.position(column).expect("a column")]
    }

    fn text(&self, table: &str, row: &Row, column: &str) -> String {
        match self.column(table, row, column) {
            Value::Int(v) | Value::Time(v) => v.to_string(),
            Value::Text(v) => v.clone(),
            Value::Texts(v) => v.join(","),
            Value::Ints(v) => v.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
            _ => String::new(),
        }
    }

    fn mark(&self, table: &str, row: &Row) -> String {
        let columns: &[&str] = match table {
            "projects" => &["full_path"],
            "pipelines" => &["updated_at", "status"],
            "merge_requests" => &[
                "updated_at",
                "web_url",
                "user_notes_count",
                "labels",
                "label_ids",
                "milestone_id",
                "head_pipeline_id",
                "last_pipeline_status",
            ],
            _ => &[
                "updated_at",
                "web_url",
                "user_notes_count",
                "labels",
                "label_ids",
                "milestone_id",
            ],
        };
        columns
            .iter()
            .map(|column| self.text(table, row, column))
            .collect::<Vec<_>>()
            .join("|")
    }

    fn alive(&self, table: &str) -> impl Iterator<Item = &Row> {
        let rows = self.tables.get(table).into_iter().flat_map(BTreeMap::values);
        rows.filter(|(_, deleted)| !deleted).map(|(row, _)| row)
    }
}

impl Sink for Memory {
    fn commit<'a>(&'a self, commit: Commit<'a>) -> BoxFuture<'a, Result<Written, Error>> {
        let done = self.state().commit(commit);
        Box::pin(async move { done })
    }

    fn seen<'a>(&'a self, table: &'static str, ids: &'a [i64]) -> BoxFuture<'a, Result<HashMap<i64, String>, Error>> {
        let state = self.state();
        let found = state
            .alive(table)
            .filter_map(|row| match state.column(table, row, "id") {
                Value::Int(id) if ids.contains(id) => Some((*id, state.mark(table, row))),
                _ => None,
            });
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }

    fn would_mark<'a>(&'a self, sweep: &'a Sweep<'a>) -> BoxFuture<'a, Result<Vec<i64>, Error>> {
        let keys = self.state().swept(sweep);
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

    fn touched<'a>(
        &'a self,
        table: &'static str,
        _since: i64,
        above: i64,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Touched>, Error>> {
        // All of them: when a row was written is not kept here.
        let state = self.state();
        let number = |row: &Row, column: &str| match state.column(table, row, column) {
            Value::Int(number) => *number,
            _ => 0,
        };
        let owner = if table == "epics" { "group_id" } else { "project_id" };
        let touched = state.alive(table).map(|row| Touched {
            owner: number(row, owner),
            iid: number(row, "iid"),
            id: number(row, "id"),
        });
        let mut touched: Vec<Touched> = touched.filter(|row| row.id > above).collect();
        touched.sort_unstable_by_key(|row| row.id);
        touched.truncate(most);
        Box::pin(async move { Ok(touched) })
    }

    fn dangles(&self) -> BoxFuture<'_, Result<bool, Error>> {
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
        let dangles = unknown("mr_labels", "label_id", "labels")
            || unknown("merge_requests", "milestone_id", "milestones")
            || unknown("issues", "milestone_id", "milestones");
        Box::pin(async move { Ok(dangles) })
    }
}
