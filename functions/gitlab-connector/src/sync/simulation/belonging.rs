//! What the raw tables in memory tell for the ledger.

use std::collections::BTreeMap;

use mergemind_shared::warehouse::{Row, Value};

use crate::ledger::{Counted, Told};
use crate::streams::{PROJECT, Stream, ToldBy};
use crate::sync::raw_tables::{Belonging, Belongs, RowKey, checksum_of};
use crate::sync::simulation::state::State;

impl State {
    fn number(&self, table: &str, row: &Row, column: &str) -> i64 {
        match self.column(table, row, column) {
            Value::Int(number) => *number,
            _ => 0,
        }
    }

    pub fn keys(&self, stream: &Stream, projects: &[i64]) -> Vec<RowKey> {
        let has_version = stream.table.position("updated_at").is_some();
        let rows = self.alive(stream.name()).filter_map(|row| {
            let updated_at = match has_version.then(|| self.column(stream.name(), row, "updated_at")) {
                Some(Value::Time(at)) => *at,
                _ => 0,
            };
            RowKey::of(&stream.table, row, updated_at)
        });
        rows.filter(|row| projects.contains(&row.project)).collect()
    }

    pub fn belonging(&self, streams: &[&Stream], projects: &[i64]) -> Belonging {
        let streams: Vec<&Stream> = streams.iter().map(|stream| self.streams.named(stream.name())).collect();
        let mut found = Belongs::nothing(&streams, projects);
        for stream in streams {
            let name = stream.name();
            if let (Some(above), Some(by)) = (stream.read.above(), stream.told_by) {
                self.tell(above, by, |project, counted| {
                    if let Some(Belongs {
                        told: Told::Rows(rows), ..
                    }) = found.get_mut(&(name, project))
                    {
                        rows.add_all(counted);
                    }
                });
            }
            for (row, deleted) in self.tables.get(name).into_iter().flat_map(BTreeMap::values) {
                let is_by_gitlab = || *self.column(name, row, "system") == Value::Bool(true);
                let sum = match (stream.told_by, stream.parent) {
                    (Some(ToldBy::ByPeople(_)), _) if is_by_gitlab() => continue,
                    (Some(ToldBy::Ids(_, own)), Some(parent)) => {
                        checksum_of(self.number(name, row, parent), self.number(name, row, own))
                    }
                    _ => 0,
                };
                if let Some(belongs) = found.get_mut(&(name, self.number(name, row, PROJECT))) {
                    match deleted {
                        true => belongs.deleted += 1,
                        false => belongs.live.add_all(Counted { rows: 1, sum }),
                    }
                }
            }
        }
        found
    }

    /// What each row of a table tells of those that belong to it.
    fn tell(&self, above: &str, by: ToldBy, mut tell: impl FnMut(i64, Counted)) {
        for row in self.alive(above) {
            let project = self.number(above, row, PROJECT);
            match by {
                ToldBy::Number(column) | ToldBy::ByPeople(column) => {
                    let rows = self.number(above, row, column).unsigned_abs();
                    tell(project, Counted { rows, sum: 0 });
                }
                ToldBy::Ids(column, _) => {
                    let Value::Ints(ids) = self.column(above, row, column) else {
                        continue;
                    };
                    for id in ids {
                        let sum = checksum_of(self.number(above, row, "id"), *id);
                        tell(project, Counted { rows: 1, sum });
                    }
                }
            }
        }
    }
}
