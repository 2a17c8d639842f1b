//! The orders of GitLab's lists.

use std::cmp::Ordering;

use super::Listed;
use crate::instant::Instant;

/// The column that an order goes by; the id always breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Created,
    Updated,
    Merged,
    Closed,
    Title,
    Due,
    /// The id alone. `PRIORITY_…` sorts map here too: nothing ranks labels in this simulator.
    Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub column: Column,
    pub descending: bool,
}

impl Order {
    /// Reads a value of GitLab's `MergeRequestSort`, `IssueSort` or `MilestoneSort`.
    pub fn named(name: &str) -> Option<Self> {
        let (column, direction) = name.rsplit_once('_')?;
        let column = match column {
            "CREATED" => Column::Created,
            "UPDATED" => Column::Updated,
            "MERGED_AT" => Column::Merged,
            "CLOSED_AT" => Column::Closed,
            "TITLE" => Column::Title,
            "DUE_DATE" => Column::Due,
            "PRIORITY" => Column::Id,
            _ => return None,
        };
        Some(Self {
            column,
            descending: direction == "DESC",
        })
    }

    pub const fn ascending(column: Column) -> Self {
        Self {
            column,
            descending: false,
        }
    }

    pub const fn descending(column: Column) -> Self {
        Self {
            column,
            descending: true,
        }
    }

    /// The key of a cursor's JSON that holds the column, as GitLab names it; None when only the id counts.
    pub fn cursor_key(self) -> Option<&'static str> {
        Some(match self.column {
            Column::Created => "created_at",
            Column::Updated => "updated_at",
            Column::Merged => "merged_at",
            Column::Closed => "latest_closed_at",
            Column::Title => "title",
            Column::Due => "due_date",
            Column::Id => return None,
        })
    }

    pub fn key(self, row: &impl Listed) -> (SortKey, u64) {
        (row.column(self.column), row.id())
    }

    /// Which of two places comes first. Rows without a value come last in both directions, as in GitLab.
    pub fn compare(self, a: &(SortKey, u64), b: &(SortKey, u64)) -> Ordering {
        let turn = |ordering: Ordering| {
            if self.descending { ordering.reverse() } else { ordering }
        };
        let by_key = match (&a.0, &b.0) {
            (SortKey::Time(a), SortKey::Time(b)) => match (a, b) {
                (Some(a), Some(b)) => turn(a.cmp(b)),
                (a, b) => a.is_none().cmp(&b.is_none()),
            },
            (SortKey::Text(a), SortKey::Text(b)) => turn(a.cmp(b)),
            _ => Ordering::Equal,
        };
        by_key.then_with(|| turn(a.1.cmp(&b.1)))
    }
}

/// The value of the order's column in a row or in a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    Time(Option<Instant>),
    Text(String),
}
