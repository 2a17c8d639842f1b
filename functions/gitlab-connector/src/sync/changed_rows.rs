//! Which merge requests a sync wrote, where these are few: dbt can then build their rows alone.

use std::collections::BTreeSet;

use mergemind_shared::warehouse::{Row, TableRows, Value};
use serde_json::{Value as Json, json};

use crate::streams::{merge_requests, projects};

/// The most merge requests, and projects, that are named: as many as dbt-trigger takes.
const MOST: usize = 500;

/// Merge requests that were written, or to which something belongs that was, with the projects that they and their branches are in.
#[derive(Debug, Default)]
pub struct WrittenIds {
    merge_requests: BTreeSet<i64>,
    projects: BTreeSet<i64>,
    /// Whether not all of it can be named.
    is_unclear: bool,
}

impl WrittenIds {
    /// Adds the rows of a commit.
    pub fn add(&mut self, batches: &[TableRows<'_>]) {
        for batch in batches {
            let place = |name| batch.table.position(name);
            let own_id = place("id").filter(|_| batch.table.name == merge_requests::NAME);
            let id = own_id.or_else(|| place("merge_request_id"));
            let (project, source, head) = (
                place("project_id"),
                place("source_project_id"),
                place("head_pipeline_id"),
            );
            for row in &batch.rows {
                let number = |place: Option<usize>| number(row, place);
                self.merge_requests.extend(number(id));
                self.projects.extend(number(project));
                self.projects.extend(number(source));
                // Its pipelines are in a project that nobody names any more.
                self.is_unclear |= source.is_some() && number(source).is_none() && number(head).is_some();
            }
            let parents = batch.complete_set.iter().filter(|set| set.column == "merge_request_id");
            self.merge_requests.extend(parents.flat_map(|set| &set.parents));
        }
        self.is_unclear |= self.merge_requests.len() > MOST || self.projects.len() > MOST;
        if self.is_unclear {
            (self.merge_requests, self.projects) = Default::default();
        }
    }

    /// As dbt-trigger takes them; null if they are too many, or not known.
    pub fn to_json(&self) -> Json {
        if self.is_unclear || self.merge_requests.is_empty() || self.projects.is_empty() {
            return Json::Null;
        }
        json!({merge_requests::NAME: self.merge_requests, projects::NAME: self.projects})
    }
}

fn number(row: &Row, place: Option<usize>) -> Option<i64> {
    match row[place?] {
        Value::Int(number) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mergemind_shared::warehouse::CompleteSet;

    use super::*;
    use crate::streams::Streams;

    fn row(streams: &Streams, table: &str, values: &[(&str, i64)]) -> Row {
        let table = &streams.named(table).table;
        let mut row = vec![Value::Null; table.columns.len()];
        for (name, value) in values {
            row[table.position(name).expect("a column")] = Value::Int(*value);
        }
        row
    }

    fn told(streams: &Streams, rows: &[(&str, &[(&str, i64)])]) -> Json {
        let mut changed = WrittenIds::default();
        for (table, values) in rows {
            changed.add(&[TableRows {
                table: &streams.named(table).table,
                rows: vec![row(streams, table, values)],
                complete_set: None,
            }]);
        }
        changed.to_json()
    }

    #[test]
    fn merge_requests_and_what_belongs_to_them_name_them_and_their_projects() {
        let streams = Streams::new();
        let rows: &[(&str, &[(&str, i64)])] = &[
            (
                "merge_requests",
                &[("id", 7), ("project_id", 1), ("source_project_id", 2)],
            ),
            ("mr_notes", &[("id", 70), ("merge_request_id", 8), ("project_id", 1)]),
            ("pipelines", &[("id", 700), ("project_id", 3)]),
        ];
        assert_eq!(
            told(&streams, rows),
            json!({"merge_requests": [7, 8], "projects": [1, 2, 3]})
        );
        let mut emptied = WrittenIds::default();
        emptied.add(&[
            TableRows {
                table: &streams.named("mr_labels").table,
                rows: Vec::new(),
                complete_set: Some(CompleteSet {
                    column: "merge_request_id",
                    parents: vec![9],
                }),
            },
            TableRows {
                table: &streams.named("pipelines").table,
                rows: vec![row(&streams, "pipelines", &[("id", 1), ("project_id", 3)])],
                complete_set: None,
            },
        ]);
        assert_eq!(emptied.to_json(), json!({"merge_requests": [9], "projects": [3]}));
    }

    #[test]
    fn what_is_too_much_or_not_known_is_not_told() {
        let streams = Streams::new();
        assert_eq!(told(&streams, &[]), Json::Null);
        assert_eq!(
            told(&streams, &[("pipelines", &[("id", 1), ("project_id", 1)])]),
            Json::Null
        );
        let gone: &[(&str, i64)] = &[("id", 7), ("project_id", 1), ("head_pipeline_id", 5)];
        assert_eq!(
            told(&streams, &[("merge_requests", gone)]),
            Json::Null,
            "a fork that is gone"
        );
        let ids: Vec<[(&str, i64); 3]> = (0..=MOST as i64)
            .map(|id| [("id", id), ("project_id", 1), ("source_project_id", 1)])
            .collect();
        let many: Vec<(&str, &[(&str, i64)])> = ids.iter().map(|id| ("merge_requests", id.as_slice())).collect();
        assert_eq!(told(&streams, &many), Json::Null);
        assert_ne!(told(&streams, &many[1..]), Json::Null);
    }
}
