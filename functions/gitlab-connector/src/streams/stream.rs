//! What a stream is made of.

use std::collections::HashSet;

use mergemind_shared::warehouse::{Column, Kind, Row, Table, Value};
use serde_json::Value as Json;

use super::{Malformed, Node};

pub use super::read::{ChangedList, Of, OwnedList, Part, Read, Rest, ToldBy};

/// Reads one value from a node of GitLab's answer.
type Reader = fn(&Node) -> Result<Value, Malformed>;

/// One column: how it is stored, and how it is read from a node of GitLab's answer.
pub struct StreamField {
    column: Column,
    read: Reader,
}

/// A column of a stream.
pub fn field(name: &'static str, kind: Kind, description: &'static str, read: Reader) -> StreamField {
    StreamField {
        column: Column::new(name, kind, description),
        read,
    }
}

/// Reads a row's own id.
///
/// # Errors
/// If the row has none.
pub fn key(node: &Node) -> Result<Value, Malformed> {
    node.key()
}

/// The column that names the group that a row is in.
pub const GROUP: &str = "group_id";
/// The column that names the project that a row is in.
pub const PROJECT: &str = "project_id";

/// What of a row can change in GitLab without a new time of update, with that time: compared, it finds a change that
/// was not read, for whatever reason.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    /// The columns.
    pub columns: &'static [&'static str],
    /// The GraphQL fields that they are read from, beside `id`, `createdAt` and `updatedAt`.
    pub ask: &'static str,
}

/// One raw table's source.
pub struct Stream {
    /// The raw table.
    pub table: Table,
    /// How its rows are read.
    pub read: Read,
    /// How a row is compared with GitLab's; `None` where nothing is.
    pub fingerprint: Option<Fingerprint>,
    /// Whether it is synced unless it is named in `STREAMS_OFF`.
    pub usual: bool,
    /// The column that refers to the row above, of which GitLab always tells all rows at once.
    pub parent: Option<&'static str>,
    /// What the row above tells of them.
    pub told_by: Option<ToldBy>,
    /// The column by which rows of other streams name the row of this one that they belong to.
    pub named_by: Option<&'static str>,
    /// Columns that refer to rows of another stream, which is read at times of its own.
    pub refers: &'static [(&'static str, &'static str)],
    /// GitLab's name of a node's type, whose fields are probed; none for a REST list.
    pub node_type: Option<&'static str>,
    /// GraphQL fields to ask for, one node's worth; each begins with its field's name.
    selection: &'static [&'static str],
    readers: Vec<Reader>,
    /// Fields of a node that are kept nowhere, not even with a row that can't be mapped.
    hidden: &'static [&'static str],
    /// Columns that refer to users.
    users: &'static [&'static str],
}

/// A node as a row.
#[derive(Debug, PartialEq)]
pub struct Mapped {
    pub row: Row,
    /// Columns whose values could not be stored and are NULL.
    pub misfits: Vec<(&'static str, Malformed)>,
}

/// What is particular about a stream.
pub struct Shape {
    pub name: &'static str,
    pub description: &'static str,
    pub key: &'static [&'static str],
    pub version: Option<&'static str>,
    pub partition_by: Option<&'static str>,
    pub cluster_by: &'static [&'static str],
    pub read: Read,
    pub fingerprint: Option<Fingerprint>,
    pub usual: bool,
    pub parent: Option<&'static str>,
    pub told_by: Option<ToldBy>,
    pub named_by: Option<&'static str>,
    pub refers: &'static [(&'static str, &'static str)],
    pub node_type: Option<&'static str>,
    pub selection: &'static [&'static str],
    pub users: &'static [&'static str],
    pub hidden: &'static [&'static str],
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            name: "",
            description: "",
            key: &["id"],
            version: None,
            partition_by: None,
            cluster_by: &[],
            read: Read::Snapshot,
            fingerprint: None,
            usual: true,
            parent: None,
            told_by: None,
            named_by: None,
            refers: &[],
            node_type: None,
            selection: &[],
            users: &[],
            hidden: &[],
        }
    }
}

impl Stream {
    pub fn new(shape: Shape, fields: Vec<StreamField>) -> Self {
        let (columns, readers) = fields.into_iter().map(|field| (field.column, field.read)).unzip();
        Self {
            table: Table {
                name: shape.name,
                description: shape.description,
                columns,
                primary_key: shape.key,
                version: shape.version,
                partition_by: shape.partition_by,
                cluster_by: shape.cluster_by,
            },
            read: shape.read,
            fingerprint: shape.fingerprint,
            usual: shape.usual,
            parent: shape.parent,
            told_by: shape.told_by,
            named_by: shape.named_by,
            refers: shape.refers,
            node_type: shape.node_type,
            selection: shape.selection,
            readers,
            hidden: shape.hidden,
            users: shape.users,
        }
    }

    /// The stream's name, which is its table's.
    pub fn name(&self) -> &'static str {
        self.table.name
    }

    /// The GraphQL fields of a node. `has` tells which this GitLab knows; a field it lacks is left out,
    /// and its columns are NULL.
    pub fn selection(&self, has: impl Fn(&str) -> bool) -> String {
        let known: Vec<&str> = self
            .selection
            .iter()
            .copied()
            .filter(|field| has(name_of(field)))
            .collect();
        known.join(" ")
    }

    /// Names of selected fields that `known` does not hold.
    pub fn missing(&self, known: &HashSet<String>) -> Vec<&'static str> {
        let names = self.selection.iter().map(|field| name_of(field));
        names.filter(|name| !known.contains(*name)).collect()
    }

    /// The row of a node.
    ///
    /// # Errors
    /// If the node lacks a part of its key, or has a value of another type than GitLab documents.
    pub fn row(&self, node: &Json) -> Result<Mapped, Malformed> {
        let node = Node::new(node);
        let (mut row, mut misfits) = (Row::with_capacity(self.readers.len()), Vec::new());
        for (column, read) in self.table.columns.iter().zip(&self.readers) {
            row.push(match read(&node) {
                Err(error) if error.misfit.is_some() => {
                    misfits.push((column.name, error));
                    Value::Null
                }
                value => value?,
            });
        }
        for key in self.table.primary_key {
            if self.table.position(key).is_none_or(|place| row[place] == Value::Null) {
                return Err(node.lacks(key));
            }
        }
        Ok(Mapped { row, misfits })
    }

    /// What a node's row is compared by, in one text.
    pub fn fingerprint_of(&self, node: &Json) -> String {
        let node = Node::new(node);
        let columns = self.fingerprint.map(|fingerprint| fingerprint.columns);
        let text = |column: &&str| {
            let place = self.table.position(column).expect("a column of the stream");
            (self.readers[place])(&node)
                .map(|value| text_of(&value))
                .unwrap_or_default()
        };
        columns
            .unwrap_or_default()
            .iter()
            .map(text)
            .collect::<Vec<_>>()
            .join("|")
    }

    /// A node as it may be kept when it can't be mapped.
    pub fn presentable(&self, node: &Json) -> Json {
        let mut node = node.clone();
        if !self.hidden.is_empty() && !node.is_object() {
            // What it holds can't be told.
            node = Json::Null;
        }
        remove(&mut node, self.hidden);
        node
    }

    /// The parent that a row refers to.
    pub fn parent_of(&self, row: &Row) -> Option<i64> {
        match row[self.table.position(self.parent?)?] {
            Value::Int(id) => Some(id),
            _ => None,
        }
    }

    /// The column that names the project, or the group, that a row is in.
    pub fn owner_column(&self) -> &'static str {
        match self.table.position(PROJECT) {
            Some(_) => PROJECT,
            None => GROUP,
        }
    }

    /// The users that a row refers to.
    pub fn users_of<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = i64> + 'a {
        let places = self.users.iter().filter_map(|name| self.table.position(name));
        places.flat_map(|place| match &row[place] {
            Value::Int(id) => vec![*id],
            Value::Ints(ids) => ids.clone(),
            _ => Vec::new(),
        })
    }
}

/// A value as fingerprints hold it; the SQL of `sync::raw_tables` gives the same.
fn text_of(value: &Value) -> String {
    match value {
        Value::Int(number) | Value::Time(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Texts(texts) => texts.join(","),
        Value::Ints(ids) => ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
        _ => String::new(),
    }
}

/// Removes fields, however deep they are.
fn remove(json: &mut Json, names: &[&str]) {
    match json {
        Json::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|value| remove(value, names));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| remove(item, names)),
        _ => {}
    }
}

/// A field's name, without its arguments and what is asked below it.
fn name_of(field: &'static str) -> &'static str {
    field.split([' ', '(']).next().unwrap_or(field)
}
