//! The streams: one file each, which states the raw table, what to ask GitLab for, and how an answer
//! becomes a row. All three stand in one list, so that a column can't lack one of them.

mod merge_requests;
mod mr_notes;
mod node;
mod pipelines;
mod projects;
pub mod rejected;
mod users;

use std::collections::HashSet;

use mergemind_shared::warehouse::{Column, Kind, Row, Table, Value};
use serde_json::Value as Json;

pub use node::{Malformed, Node, gid};
pub use pipelines::merge_request_iid;

/// Reads one value from a node of GitLab's answer.
type Read = fn(&Node) -> Result<Value, Malformed>;

/// One column: how it is stored, and how it is read from a node of GitLab's answer.
pub struct Field {
    column: Column,
    read: Read,
}

/// A column of a stream.
fn field(name: &'static str, kind: Kind, description: &'static str, read: Read) -> Field {
    Field {
        column: Column {
            name,
            kind,
            description,
        },
        read,
    }
}

/// Reads a row's own id.
fn key(node: &Node) -> Result<Value, Malformed> {
    node.key()
}

/// One raw table's source.
pub struct Stream {
    /// The raw table.
    pub table: Table,
    /// GraphQL fields to ask for, one node's worth; each begins with its field's name.
    selection: &'static [&'static str],
    readers: Vec<Read>,
    /// Columns that refer to users.
    users: &'static [&'static str],
}

/// What is particular about a stream's table.
struct Shape {
    name: &'static str,
    description: &'static str,
    version: Option<&'static str>,
    partition_by: Option<&'static str>,
    cluster_by: &'static [&'static str],
    selection: &'static [&'static str],
    users: &'static [&'static str],
}

impl Stream {
    fn new(shape: Shape, fields: Vec<Field>) -> Self {
        let (columns, readers) = fields.into_iter().map(|field| (field.column, field.read)).unzip();
        Self {
            table: Table {
                name: shape.name,
                description: shape.description,
                columns,
                primary_key: "id",
                version: shape.version,
                partition_by: shape.partition_by,
                cluster_by: shape.cluster_by,
            },
            selection: shape.selection,
            readers,
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
        let known = |field: &&&str| has(field.split([' ', '(']).next().unwrap_or(field));
        self.selection
            .iter()
            .filter(known)
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Names of selected fields that `known` does not hold.
    pub fn missing(&self, known: &HashSet<String>) -> Vec<&'static str> {
        let name = |field: &&'static str| field.split([' ', '(']).next().unwrap_or(field);
        self.selection
            .iter()
            .map(name)
            .filter(|name| !known.contains(*name))
            .collect()
    }

    /// The row of a node.
    ///
    /// # Errors
    /// If the node has no id, or a value of another type than GitLab documents.
    pub fn row(&self, node: &Json) -> Result<Row, Malformed> {
        let node = Node::new(node);
        self.readers.iter().map(|read| read(&node)).collect()
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

/// All streams.
pub struct Streams {
    /// `projects`
    pub projects: Stream,
    /// `users`
    pub users: Stream,
    /// `merge_requests`
    pub merge_requests: Stream,
    /// `mr_notes`
    pub mr_notes: Stream,
    /// `pipelines`
    pub pipelines: Stream,
    /// Where rows go that can't be mapped.
    pub rejected: Table,
}

impl Streams {
    /// Builds them.
    pub fn new() -> Self {
        Self {
            projects: projects::stream(),
            users: users::stream(),
            merge_requests: merge_requests::stream(),
            mr_notes: mr_notes::stream(),
            pipelines: pipelines::stream(),
            rejected: rejected::table(),
        }
    }

    /// In the order of summaries: what others refer to comes first.
    pub fn all(&self) -> [&Stream; 5] {
        [
            &self.projects,
            &self.users,
            &self.merge_requests,
            &self.mr_notes,
            &self.pipelines,
        ]
    }
}
