//! The rows of a list that was read whole: counted for the ledger, and compared with the raw table where that is asked for.

use std::collections::BTreeMap;

use mergemind_shared::warehouse::Value;
use serde_json::Value as Json;

use crate::ledger::Counted;
use crate::streams::Stream;
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::raw_tables::RowKey;
use crate::sync::session::Session;

/// What GitLab shows of a list.
#[derive(Default)]
pub struct ShownRows {
    /// By key.
    rows: BTreeMap<String, RowKey>,
    /// Rows that can't be mapped, or at which GitLab fails: they are there.
    others: u64,
}

impl ShownRows {
    /// One more row.
    pub fn add(&mut self, stream: &Stream, node: &Json) {
        let row = stream.row(node).ok().and_then(|mapped| {
            let updated_at = stream.table.position("updated_at").map(|place| &mapped.row[place]);
            let updated_at = match updated_at {
                Some(Value::Time(at)) => *at,
                _ => 0,
            };
            RowKey::of(&stream.table, &mapped.row, updated_at)
        });
        match row {
            Some(row) => drop(self.rows.insert(row.key.clone(), row)),
            None => self.others += 1,
        }
    }

    /// Rows at which GitLab fails.
    pub fn add_unread(&mut self, rows: usize) {
        self.others += rows as u64;
    }

    /// How many they are, and a checksum.
    pub fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        let rows = self.rows.values();
        rows.for_each(|row| counted.add_key(&row.key, row.updated_at));
        counted.rows += self.others;
        counted
    }

    /// Names what the raw table has otherwise, if this only compares.
    ///
    /// # Errors
    /// If the warehouse can't be asked.
    pub async fn compare(&self, session: &Session<'_>, stream: &Stream, project: i64) -> Result<(), Error> {
        if !session.is_comparing() {
            return Ok(());
        }
        let known = session.tables.keys(stream, &[project]).await?;
        let mut known: BTreeMap<&str, &RowKey> = known.iter().map(|row| (row.key.as_str(), row)).collect();
        let path = lock(&session.paths).get(&project).cloned().unwrap_or_default();
        let address = |row: &RowKey| format!("{} {} of {path}", stream.name(), row.name);
        let mut verified = lock(&session.verified);
        let verified = verified.get_or_insert_default();
        for row in self.rows.values() {
            match known.remove(row.key.as_str()) {
                None => verified.missing.push(address(row)),
                Some(known) if known.updated_at != row.updated_at => verified.changed.push(address(row)),
                Some(_) => {}
            }
        }
        if self.others == 0 {
            verified.gone.extend(known.into_values().map(address));
        }
        Ok(())
    }
}
