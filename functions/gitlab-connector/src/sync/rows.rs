//! The rows of one page, by table.

use std::collections::HashSet;

use mergemind_shared::warehouse::{Batch, Row};
use serde_json::Value as Json;

use crate::streams::{Stream, Streams, rejected};

/// Rows that will be committed together.
#[derive(Default)]
pub struct Rows {
    pub projects: Vec<Row>,
    pub users: Vec<Row>,
    pub merge_requests: Vec<Row>,
    pub mr_notes: Vec<Row>,
    pub pipelines: Vec<Row>,
    pub rejected: Vec<Row>,
}

impl Rows {
    /// Maps `node` to a row of `stream`; a node that can't be mapped is kept among the rejected.
    pub fn map(&mut self, stream: &Stream, node: &Json) {
        match stream.row(node) {
            Ok(row) => self.of(stream.name()).push(row),
            Err(reason) => {
                let reason = reason.to_string();
                tracing::warn!(stream = stream.name(), "a row is kept in _rejected: {reason}");
                self.rejected.push(rejected::row(stream.name(), &reason, node));
            }
        }
    }

    /// Adds the rows of a later page.
    pub fn append(&mut self, mut later: Self) {
        self.projects.append(&mut later.projects);
        self.users.append(&mut later.users);
        self.merge_requests.append(&mut later.merge_requests);
        self.mr_notes.append(&mut later.mr_notes);
        self.pipelines.append(&mut later.pipelines);
        self.rejected.append(&mut later.rejected);
    }

    /// How many rows these are.
    pub fn len(&self) -> usize {
        self.projects.len()
            + self.users.len()
            + self.merge_requests.len()
            + self.mr_notes.len()
            + self.pipelines.len()
            + self.rejected.len()
    }

    fn of(&mut self, stream: &str) -> &mut Vec<Row> {
        match stream {
            "projects" => &mut self.projects,
            "users" => &mut self.users,
            "merge_requests" => &mut self.merge_requests,
            "mr_notes" => &mut self.mr_notes,
            _ => &mut self.pipelines,
        }
    }

    /// The users that these rows refer to.
    pub fn user_ids(&self, streams: &Streams) -> HashSet<i64> {
        let merge_requests = self
            .merge_requests
            .iter()
            .flat_map(|row| streams.merge_requests.users_of(row));
        let notes = self.mr_notes.iter().flat_map(|row| streams.mr_notes.users_of(row));
        let pipelines = self.pipelines.iter().flat_map(|row| streams.pipelines.users_of(row));
        merge_requests.chain(notes).chain(pipelines).collect()
    }

    /// The batches for the warehouse: what others refer to comes first.
    pub fn into_batches(self, streams: &Streams) -> Vec<Batch<'_>> {
        let batch = |stream: &'static str, rows| (stream, rows);
        [
            batch("projects", self.projects),
            batch("users", self.users),
            batch("merge_requests", self.merge_requests),
            batch("mr_notes", self.mr_notes),
            batch("pipelines", self.pipelines),
        ]
        .into_iter()
        .zip(streams.all())
        .map(|((_, rows), stream)| Batch {
            table: &stream.table,
            rows,
        })
        .chain([Batch {
            table: &streams.rejected,
            rows: self.rejected,
        }])
        .filter(|batch| !batch.rows.is_empty())
        .collect()
    }
}
