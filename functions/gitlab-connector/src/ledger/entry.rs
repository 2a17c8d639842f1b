//! `_ledger`: for each project and stream how many rows GitLab has, and how many the raw table.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String as Text, Timestamp};
use mergemind_shared::warehouse::{Column, Row, Table, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::cells::{int, text};

/// Rows, by how many they are and a checksum over their ids and times of update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counted {
    pub rows: u64,
    pub sum: i64,
}

impl Counted {
    /// One more row; `updated_at` in microseconds since 1970.
    pub fn add(&mut self, id: i64, updated_at: i64) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.to_le_bytes());
        bytes[8..].copy_from_slice(&updated_at.to_le_bytes());
        self.rows += 1;
        self.sum = self.sum.wrapping_add(xxh3_64(&bytes).cast_signed());
    }

    /// All of these beside.
    pub fn add_all(&mut self, others: Self) {
        self.rows += others.rows;
        self.sum = self.sum.wrapping_add(others.sum);
    }

    /// Without these.
    pub fn less(self, others: Self) -> Self {
        Self {
            rows: self.rows.saturating_sub(others.rows),
            sum: self.sum.wrapping_sub(others.sum),
        }
    }
}

/// What was found of a stream in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub project: i64,
    pub stream: String,
    pub path: String,
    /// What GitLab shows; `None`: it does not say.
    pub gitlab: Option<Counted>,
    /// What the raw table has, and not as deleted.
    pub live: Counted,
    /// Rows that are marked as deleted.
    pub deleted: u64,
    /// Since when they are equal, or not; microseconds since 1970.
    pub since: i64,
    /// When they were compared.
    pub looked_at: i64,
}

impl Entry {
    /// The table.
    pub fn table() -> Table {
        Table {
            name: "_ledger",
            description: "For each project and stream what GitLab shows and what the raw table has, as the last look found it.",
            columns: vec![
                Column::new("project_id", Int64, "The project."),
                Column::new("stream", Text, "The raw table."),
                Column::new("path", Text, "The project's full path."),
                Column::new(
                    "gitlab_count",
                    Int64,
                    "Rows that GitLab shows; NULL where it does not say.",
                ),
                Column::new(
                    "live_count",
                    Int64,
                    "Rows of the raw table that are not marked as deleted.",
                ),
                Column::new("deleted_count", Int64, "Rows of the raw table that are."),
                Column::new(
                    "gitlab_checksum",
                    Int64,
                    "Over ids and times of update of GitLab's rows.",
                ),
                Column::new("checksum", Int64, "The same over the raw table's."),
                Column::new("equal", Bool, "Whether counts and checksums are equal."),
                Column::new(
                    "since",
                    Timestamp,
                    "Since when they are equal, or since when they are not.",
                ),
                Column::new("looked_at", Timestamp, "When they were compared."),
            ],
            primary_key: &["project_id", "stream"],
            version: None,
            partition_by: None,
            cluster_by: &["project_id"],
        }
    }

    /// Whether all is there, and nothing else.
    pub fn is_equal(&self) -> bool {
        self.gitlab == Some(self.live)
    }

    /// Its row.
    pub fn row(&self) -> Row {
        let number = |count: u64| Value::Int(count.cast_signed());
        let theirs = |of: fn(Counted) -> Value| self.gitlab.map_or(Value::Null, of);
        vec![
            Value::Int(self.project),
            Value::Text(self.stream.clone()),
            Value::Text(self.path.clone()),
            theirs(|counted| Value::Int(counted.rows.cast_signed())),
            number(self.live.rows),
            number(self.deleted),
            theirs(|counted| Value::Int(counted.sum)),
            Value::Int(self.live.sum),
            Value::Bool(self.is_equal()),
            Value::Time(self.since),
            Value::Time(self.looked_at),
        ]
    }

    /// What a row says.
    pub fn of(row: &Row) -> Self {
        let table = Self::table();
        let place = table.position("gitlab_count").expect("a column");
        let counted = |rows: &str, sum: &str| Counted {
            rows: int(&table, row, rows).unsigned_abs(),
            sum: int(&table, row, sum),
        };
        Self {
            project: int(&table, row, "project_id"),
            stream: text(&table, row, "stream"),
            path: text(&table, row, "path"),
            gitlab: (row[place] != Value::Null).then(|| counted("gitlab_count", "gitlab_checksum")),
            live: counted("live_count", "checksum"),
            deleted: int(&table, row, "deleted_count").unsigned_abs(),
            since: int(&table, row, "since"),
            looked_at: int(&table, row, "looked_at"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_its_row_and_tells_a_change_that_leaves_the_count() {
        let counted = |rows: &[(i64, i64)]| {
            let mut counted = Counted::default();
            rows.iter().for_each(|(id, at)| counted.add(*id, *at));
            counted
        };
        let mut entry = Entry {
            project: 7,
            stream: "issues".into(),
            path: "a/b".into(),
            gitlab: Some(counted(&[(1, 10), (2, 20)])),
            live: counted(&[(2, 20), (1, 10)]),
            deleted: 3,
            since: 5,
            looked_at: 6,
        };
        assert!(entry.is_equal() && Entry::of(&entry.row()) == entry);
        // Two rows with each other's times.
        entry.live = counted(&[(1, 20), (2, 10)]);
        assert!(!entry.is_equal() && Entry::of(&entry.row()) == entry);
        entry.gitlab = None;
        assert!(!entry.is_equal() && Entry::of(&entry.row()) == entry);
    }
}
