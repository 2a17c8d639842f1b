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

    /// One more row, by its key (see [`Table::key_of`]).
    pub fn add_key(&mut self, key: &str, updated_at: i64) {
        self.add(xxh3_64(key.as_bytes()).cast_signed(), updated_at);
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

/// What GitLab says of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It has these rows.
    Rows(Counted),
    /// It does not offer the list any more, or not to this token.
    Absent,
    /// It would tell only whoever reads all of it.
    Nothing,
}

impl Told {
    /// The rows, if it tells them.
    pub fn rows(self) -> Option<Counted> {
        match self {
            Self::Rows(counted) => Some(counted),
            Self::Absent | Self::Nothing => None,
        }
    }
}

/// What was found of a stream in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub project: i64,
    pub stream: String,
    pub path: String,
    /// What GitLab shows.
    pub gitlab: Told,
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
                    "Rows of the raw table that are not marked as deleted; of notes those by people.",
                ),
                Column::new("deleted_count", Int64, "Rows of the raw table that are."),
                Column::new(
                    "gitlab_checksum",
                    Int64,
                    "Over ids and times of update of GitLab's rows; 0 where it only counts them.",
                ),
                Column::new("checksum", Int64, "The same over the raw table's."),
                Column::new(
                    "equal",
                    Bool,
                    "Whether counts and checksums are equal; NULL where GitLab would have to be read whole.",
                ),
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

    /// Whether all is there, and nothing else; `None` where GitLab does not tell.
    pub fn is_equal(&self) -> Option<bool> {
        match self.gitlab {
            Told::Rows(counted) => Some(counted == self.live),
            Told::Absent => Some(false),
            Told::Nothing => None,
        }
    }

    /// Its row.
    pub fn row(&self) -> Row {
        let number = |count: u64| Value::Int(count.cast_signed());
        let theirs = |of: fn(Counted) -> Value| self.gitlab.rows().map_or(Value::Null, of);
        vec![
            Value::Int(self.project),
            Value::Text(self.stream.clone()),
            Value::Text(self.path.clone()),
            theirs(|counted| Value::Int(counted.rows.cast_signed())),
            number(self.live.rows),
            number(self.deleted),
            theirs(|counted| Value::Int(counted.sum)),
            Value::Int(self.live.sum),
            self.is_equal().map_or(Value::Null, Value::Bool),
            Value::Time(self.since),
            Value::Time(self.looked_at),
        ]
    }

    /// What a row says.
    pub fn of(row: &Row) -> Self {
        let table = Self::table();
        let is_null = |name| row[table.position(name).expect("a column")] == Value::Null;
        let counted = |rows: &str, sum: &str| Counted {
            rows: int(&table, row, rows).unsigned_abs(),
            sum: int(&table, row, sum),
        };
        Self {
            project: int(&table, row, "project_id"),
            stream: text(&table, row, "stream"),
            path: text(&table, row, "path"),
            gitlab: match (is_null("gitlab_count"), is_null("equal")) {
                (false, _) => Told::Rows(counted("gitlab_count", "gitlab_checksum")),
                (true, false) => Told::Absent,
                (true, true) => Told::Nothing,
            },
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
            gitlab: Told::Rows(counted(&[(1, 10), (2, 20)])),
            live: counted(&[(2, 20), (1, 10)]),
            deleted: 3,
            since: 5,
            looked_at: 6,
        };
        let mut is_equal = |change: fn(&mut Entry)| {
            change(&mut entry);
            assert_eq!(Entry::of(&entry.row()), entry);
            entry.is_equal()
        };
        assert_eq!(is_equal(|_| {}), Some(true));
        // Two rows with each other's times.
        let swapped = |entry: &mut Entry| {
            entry.live = Counted::default();
            entry.live.add(1, 20);
            entry.live.add(2, 10);
        };
        assert_eq!(is_equal(swapped), Some(false));
        assert_eq!(is_equal(|entry| entry.gitlab = Told::Absent), Some(false));
        assert_eq!(is_equal(|entry| entry.gitlab = Told::Nothing), None);
    }
}
