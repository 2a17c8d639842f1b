//! Raw tables in memory: what the warehouse's statements do, said once more.

use std::collections::{BTreeMap, BTreeSet};

use gitlab_sim::random::Random;
use mergemind_shared::warehouse::{
    Commit, Error, Row, SoftDelete, Table, Value, Within, Written, last_of_each_key, row_size,
};

use crate::streams::{Stream, Streams};
use crate::sync::state::Cursors;

/// BigQuery refuses larger requests to append.
const LARGEST_APPEND: usize = 10_000_000;

/// What is in it.
pub struct State {
    pub streams: Streams,
    /// By table and key: the row, and whether it is marked as deleted.
    pub tables: BTreeMap<&'static str, BTreeMap<String, (Row, bool)>>,
    pub cursors: Cursors,
    /// How many commits there were: what the last one is marked with.
    pub mark: i64,
    /// By table and key: the mark of the commit that wrote the row.
    pub marks: BTreeMap<(&'static str, String), i64>,
    pub random: Random,
    /// Per cent of commits that fail.
    pub failures: u64,
    /// By table: the most rows in one commit.
    pub largest: BTreeMap<&'static str, usize>,
}

impl State {
    pub fn commit(&mut self, commit: Commit<'_>) -> Result<Written, Error> {
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
        self.mark += 1;
        let mut written = Written::default();
        for batch in commit.batches {
            let complete_set = batch.complete_set.clone();
            let batch = last_of_each_key(batch);
            let largest = self.largest.entry(batch.table.name).or_default();
            *largest = batch.rows.len().max(*largest);
            let mut count = 0;
            let mut staged = BTreeSet::new();
            for row in batch.rows {
                if row_size(&row) > LARGEST_APPEND {
                    return Err(Error::Query("AppendRows request too large".into()));
                }
                let key = batch.table.key_of(&row).expect("a key");
                staged.insert(key.clone());
                count += u64::from(self.upsert(batch.table, key, row));
            }
            if let Some(complete_set) = complete_set {
                let place = batch.table.position(complete_set.column).expect("a column");
                for (key, (row, deleted)) in self.tables.entry(batch.table.name).or_default() {
                    let of_parent = matches!(row[place], Value::Int(id) if complete_set.parents.contains(&id));
                    if of_parent && !*deleted && !staged.contains(key) {
                        *deleted = true;
                        count += 1;
                        self.marks.insert((batch.table.name, key.clone()), self.mark);
                    }
                }
            }
            written.batches.push(count);
        }
        for soft_delete in &commit.soft_deletes {
            let ids = self.would_delete(soft_delete);
            for key in &ids {
                let table = self.tables.entry(soft_delete.table.name).or_default();
                table.get_mut(key).expect("a row").1 = true;
                self.marks.insert((soft_delete.table.name, key.clone()), self.mark);
            }
            written.soft_deletes.push(ids.len() as u64);
        }
        if fails { Err(died()) } else { Ok(written) }
    }

    fn upsert(&mut self, table: &Table, key: String, row: Row) -> bool {
        let (mark, place) = (self.mark, (table.name, key.clone()));
        let rows = self.tables.entry(table.name).or_default();
        let Some((known, deleted)) = rows.get_mut(&key) else {
            rows.insert(key, (row, false));
            self.marks.insert(place, mark);
            return true;
        };
        let older = table.version.and_then(|version| table.position(version)).is_some_and(
            |place| matches!((&row[place], &known[place]), (Value::Time(new), Value::Time(old)) if new < old),
        );
        if older || (*known == row && !*deleted) {
            return false;
        }
        (*known, *deleted) = (row, false);
        self.marks.insert(place, mark);
        true
    }

    /// Keys of the rows that a soft delete marks.
    pub fn would_delete(&self, soft_delete: &SoftDelete<'_>) -> Vec<String> {
        let number = |row: &Row, column: &str| match soft_delete.table.position(column).map(|place| &row[place]) {
            Some(Value::Int(id)) => Some(*id),
            _ => None,
        };
        let meets = |row: &Row, within: &Within| match within {
            Within::OneOf(column, ids) => number(row, column).is_some_and(|id| ids.contains(&id)),
            Within::Times(column, from, until) => {
                let place = soft_delete.table.position(column).expect("a column");
                matches!(row[place], Value::Time(at) if at >= *from && at < *until)
            }
            Within::IdsOf(column, ranges) => {
                let (of, id) = (number(row, column), number(row, "id").unwrap_or_default());
                ranges
                    .iter()
                    .any(|(wanted, from, until)| of == Some(*wanted) && id >= *from && id <= *until)
            }
            Within::Below(column, path) => {
                let place = soft_delete.table.position(column).expect("a column");
                matches!(&row[place], Value::Text(text) if text.starts_with(&format!("{path}/")))
            }
            Within::ParentGone(column, parent) => {
                let rows = self.tables.get(parent);
                let key = number(row, column).map(|id| format!("{id}/"));
                key.and_then(|key| rows?.get(&key)).is_some_and(|(_, deleted)| *deleted)
            }
        };
        let rows = self.tables.get(soft_delete.table.name).into_iter().flatten();
        rows.filter(|(_, (row, deleted))| {
            let present = number(row, "id").is_some_and(|id| soft_delete.present.contains(&id));
            !deleted && !present && soft_delete.within.iter().all(|within| meets(row, within))
        })
        .map(|(key, _)| key.clone())
        .collect()
    }

    pub fn column<'a>(&self, table: &str, row: &'a Row, column: &str) -> &'a Value {
        &row[self.streams.named(table).table.position(column).expect("a column")]
    }

    pub fn text(&self, table: &str, row: &Row, column: &str) -> String {
        match self.column(table, row, column) {
            Value::Int(v) | Value::Time(v) => v.to_string(),
            Value::Text(v) => v.clone(),
            Value::Texts(v) => v.join(","),
            Value::Ints(v) => v.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
            _ => String::new(),
        }
    }

    pub fn fingerprint(&self, stream: &Stream, row: &Row) -> String {
        let columns = stream
            .fingerprint
            .map(|fingerprint| fingerprint.columns)
            .unwrap_or_default();
        let texts = columns.iter().map(|column| self.text(stream.name(), row, column));
        texts.collect::<Vec<_>>().join("|")
    }

    pub fn alive(&self, table: &str) -> impl Iterator<Item = &Row> {
        let rows = self.tables.get(table).into_iter().flat_map(BTreeMap::values);
        rows.filter(|(_, deleted)| !deleted).map(|(row, _)| row)
    }
}
