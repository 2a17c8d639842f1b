//! The rows of one step, by table, until they are committed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mergemind_shared::warehouse::{CompleteSet, Cut, Row, SoftDelete, Table, TableRows, Value, Within, fit};
use serde_json::Value as Json;

use crate::streams::{Mapped, Node, Stream, Streams, rejected};
use crate::sync::list::List;

/// A row of which not all notes are known.
pub struct Unfinished {
    /// The list that it is in.
    pub list: &'static List,
    pub id: i64,
    pub iid: String,
    /// The address that its row holds.
    pub url: String,
    /// The project's path when the row was read, if the row tells it.
    pub project: Option<String>,
}

/// A text of which the end is left out.
pub struct CutText {
    pub table: &'static str,
    pub column: &'static str,
    /// What names its row.
    key: String,
    /// How much of it is kept.
    what: String,
}

impl CutText {
    fn of(table: &Table, row: &Row, column: &'static str, what: String) -> Self {
        let key = rejected::key(table, row).to_string();
        let table = table.name;
        Self {
            table,
            column,
            key,
            what,
        }
    }

    /// As the ledger names it: its column, its table, and what names its row.
    pub fn address(&self) -> String {
        format!("{} {} {}", self.column, self.table, self.key)
    }

    /// The same for people, with how much is kept.
    pub fn message(&self) -> String {
        format!("{} of {} is cut: {}", self.column, self.key, self.what)
    }
}

/// Rows that will be committed together, and what is to be marked as deleted with them.
#[derive(Default)]
pub struct Rows<'a> {
    tables: BTreeMap<&'static str, Vec<Row>>,
    /// By table: parents of which all rows are here.
    complete: BTreeMap<&'static str, BTreeSet<i64>>,
    /// By table: parents of which a row was rejected. What the table has of them is left alone.
    incomplete: BTreeMap<&'static str, BTreeSet<i64>>,
    rejected: Vec<Row>,
    /// Values that are not in their rows, for `_rejected`.
    values: Vec<Row>,
    /// What is gone.
    pub soft_deletes: Vec<SoftDelete<'a>>,
    /// Rows of which more notes are to be read before they are committed.
    pub unfinished: Vec<Unfinished>,
    /// Users whom GitLab was asked for; the rows of those that it shows are here.
    pub users_asked: HashSet<i64>,
}

impl<'a> Rows<'a> {
    /// Maps `node` to a row of `stream`; a node that can't be mapped is kept among the rejected.
    pub fn map(&mut self, stream: &Stream, node: &Json) {
        match stream.row(node) {
            Ok(Mapped { row, misfits }) => {
                for (column, misfit) in misfits {
                    let reason = format!("{misfit}; {column} is NULL");
                    tracing::warn!(stream = stream.name(), "a value is kept in _rejected: {reason}");
                    let value = misfit.misfit.unwrap_or_default();
                    self.values
                        .push(rejected::value(&stream.table, &row, (column, &value), &reason));
                }
                self.tables.entry(stream.name()).or_default().push(row);
            }
            Err(reason) => {
                let reason = reason.to_string();
                tracing::warn!(
                    event = "row_rejected",
                    stream = stream.name(),
                    "a row is kept in _rejected: {reason}"
                );
                self.rejected
                    .push(rejected::row(stream.name(), &reason, &stream.presentable(node)));
                if let Some(parent) = Node::new(node).number("_parent.id") {
                    self.incomplete.entry(stream.name()).or_default().insert(parent);
                }
            }
        }
    }

    /// States that all rows of `stream` that belong to `parent` are here.
    pub fn complete(&mut self, stream: &Stream, parent: i64) {
        self.complete.entry(stream.name()).or_default().insert(parent);
    }

    /// Marks the rows of `stream` with these ids as deleted.
    pub fn mark_gone(&mut self, stream: &'a Stream, ids: Vec<i64>) {
        if !ids.is_empty() {
            self.soft_deletes.push(SoftDelete {
                table: &stream.table,
                within: vec![Within::OneOf("id", ids)],
                present: Vec::new(),
            });
        }
    }

    /// Raises a number in the row of `stream` with this id, if it is there and holds a lower one.
    pub fn raise(&mut self, stream: &Stream, id: i64, column: &str, to: i64) {
        let place = |name| stream.table.position(name).expect("a column of the stream");
        let (key, place) = (place("id"), place(column));
        for row in self.tables.get_mut(stream.name()).into_iter().flatten() {
            if let (Value::Int(known), Value::Int(number)) = (&row[key], &row[place])
                && *known == id
                && *number < to
            {
                row[place] = Value::Int(to);
            }
        }
    }

    /// Leaves out the rows of `stream` with these ids, and all that belongs to them.
    pub fn forget(&mut self, streams: &Streams, stream: &Stream, ids: &BTreeSet<i64>) {
        if let Some(rows) = self.tables.get_mut(stream.name()) {
            let place = stream.table.position("id").expect("its key");
            rows.retain(|row| !matches!(row[place], Value::Int(id) if ids.contains(&id)));
        }
        for child in streams
            .all()
            .filter(|child| child.parent.is_some() && child.parent == stream.named_by)
        {
            if let Some(rows) = self.tables.get_mut(child.name()) {
                rows.retain(|row| child.parent_of(row).is_none_or(|parent| !ids.contains(&parent)));
            }
            if let Some(parents) = self.complete.get_mut(child.name()) {
                parents.retain(|parent| !ids.contains(parent));
            }
        }
    }

    /// Adds the rows of a later step. Where it holds all rows of a parent, earlier ones no longer count.
    pub fn append(&mut self, later: Self, streams: &Streams) {
        for (table, parents) in &later.complete {
            let stream = streams.named(table);
            if let Some(rows) = self.tables.get_mut(table) {
                rows.retain(|row| stream.parent_of(row).is_none_or(|parent| !parents.contains(&parent)));
            }
        }
        for (table, mut rows) in later.tables {
            self.tables.entry(table).or_default().append(&mut rows);
        }
        for (table, mut parents) in later.complete {
            self.complete.entry(table).or_default().append(&mut parents);
        }
        for (table, mut parents) in later.incomplete {
            self.incomplete.entry(table).or_default().append(&mut parents);
        }
        self.rejected.extend(later.rejected);
        self.values.extend(later.values);
        self.soft_deletes.extend(later.soft_deletes);
        self.unfinished.extend(later.unfinished);
        self.users_asked.extend(later.users_asked);
    }

    /// The times of update of the rows of `stream`, by id, in microseconds since 1970.
    pub fn updates(&self, stream: &Stream) -> HashMap<i64, i64> {
        let place = |name| stream.table.position(name).expect("a column of the stream");
        let (id, updated) = (place("id"), place("updated_at"));
        let pair = |row: &Row| match (&row[id], &row[updated]) {
            (Value::Int(id), Value::Time(at)) => Some((*id, *at)),
            _ => None,
        };
        self.tables
            .get(stream.name())
            .into_iter()
            .flatten()
            .filter_map(pair)
            .collect()
    }

    /// The addresses of the rows of `stream`.
    pub fn addresses(&self, stream: &Stream) -> Vec<&str> {
        let place = stream.table.position("web_url").expect("a column of the stream");
        let rows = self.tables.get(stream.name()).into_iter().flatten();
        rows.filter_map(|row| match &row[place] {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
    }

    /// Cuts what is larger than the warehouse takes, and keeps in `_rejected` that it is so; returns what was cut.
    pub fn fit(&mut self, streams: &Streams) -> Vec<CutText> {
        let mut told = Vec::new();
        for (name, rows) in &mut self.tables {
            let table = &streams.named(name).table;
            for row in rows {
                for (column, what) in cuts(table, row) {
                    let reason = format!("{column} is longer than BigQuery takes; its end is left out");
                    self.values.push(rejected::value(table, row, (column, &what), &reason));
                    told.push(CutText::of(table, row, column, what));
                }
            }
        }
        let table = &streams.rejected;
        for row in self.rejected.iter_mut().chain(&mut self.values) {
            for (column, what) in cuts(table, row) {
                told.push(CutText::of(table, row, column, what));
            }
        }
        told
    }

    /// Those of these addresses of cut texts whose rows are here with a whole text.
    pub fn whole_again<'g>(&self, streams: &Streams, known: &[&'g str], cut: &[CutText]) -> Vec<&'g str> {
        let mut found = Vec::new();
        for address in known {
            let mut words = address.splitn(3, ' ');
            let (Some(column), Some(table), Some(key)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let (Some(stream), Ok(key)) = (streams.find(table), serde_json::from_str::<Json>(key)) else {
                continue;
            };
            let mut rows = self.tables.get(stream.name()).into_iter().flatten();
            let is_here = rows.any(|row| rejected::key(&stream.table, row) == key);
            let is_cut = cut.iter().any(|cut| cut.column == column && cut.address() == *address);
            if is_here && !is_cut {
                found.push(*address);
            }
        }
        found
    }

    /// How many rows these are.
    pub fn len(&self) -> usize {
        self.tables.values().map(Vec::len).sum::<usize>() + self.rejected.len()
    }

    /// The users that these rows refer to.
    pub fn user_ids(&self, streams: &Streams) -> HashSet<i64> {
        self.tables
            .iter()
            .flat_map(|(table, rows)| {
                let stream = streams.named(table);
                rows.iter().flat_map(|row| stream.users_of(row))
            })
            .collect()
    }

    /// The batches for the warehouse, and the soft deletes.
    pub fn into_batches(mut self, streams: &'a Streams) -> (Vec<TableRows<'a>>, Vec<SoftDelete<'a>>) {
        let mut batches = Vec::new();
        for stream in streams.all() {
            let rows = self.tables.remove(stream.name()).unwrap_or_default();
            let incomplete = self.incomplete.remove(stream.name()).unwrap_or_default();
            let parents = self.complete.remove(stream.name()).unwrap_or_default();
            let parents: Vec<i64> = parents.difference(&incomplete).copied().collect();
            let complete_set = stream
                .parent
                .filter(|_| !parents.is_empty())
                .map(|column| CompleteSet { column, parents });
            if !rows.is_empty() || complete_set.is_some() {
                batches.push(TableRows {
                    table: &stream.table,
                    rows,
                    complete_set,
                });
            }
        }
        self.rejected.append(&mut self.values);
        if !self.rejected.is_empty() {
            batches.push(TableRows {
                table: &streams.rejected,
                rows: self.rejected,
                complete_set: None,
            });
        }
        (batches, self.soft_deletes)
    }
}

/// Cuts a row that is too large; returns the columns, and how much of each is kept.
fn cuts(table: &Table, row: &mut Row) -> Vec<(&'static str, String)> {
    let cuts = fit(row).into_iter();
    cuts.map(|Cut { place, kept, of }| (table.columns[place].name, format!("{kept} of {of} bytes are kept")))
        .collect()
}

#[cfg(test)]
mod tests;
