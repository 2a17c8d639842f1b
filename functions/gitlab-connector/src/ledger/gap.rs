//! `_ledger_gaps`: what could not be read, and why.

use mergemind_shared::warehouse::Kind::{Int64, String as Text, Timestamp};
use mergemind_shared::warehouse::{Column, Row, Table, Value, row_hash};

use super::cells::{int, text};

/// Why something is not there as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// GitLab fails at a row, or at a field of it.
    LeftOut,
    /// Rows that GitLab no longer shows, so many that they are not marked yet.
    Held,
    /// A list of a project that GitLab does not offer any more.
    Absent,
    /// A project that GitLab does not show any more.
    Hidden,
    /// A list of the REST API that can't be read.
    Unread,
    /// A text of which the end is left out, because BigQuery takes no longer rows.
    Cut,
}

impl GapReason {
    const ALL: [Self; 6] = [
        Self::LeftOut,
        Self::Held,
        Self::Absent,
        Self::Hidden,
        Self::Unread,
        Self::Cut,
    ];

    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::Held => "deletions_held",
            Self::Absent => "absent",
            Self::Hidden => "hidden",
            Self::Unread => "list_unread",
            Self::Cut => "value_cut",
        }
    }
}

/// Something that could not be read, or is not believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub scope: String,
    pub reason: GapReason,
    /// The row's, list's or project's address; before it, of a field, its name.
    pub address: String,
    /// What GitLab said.
    pub message: String,
    /// How many rows it is about.
    pub rows: u64,
    /// Since when; microseconds since 1970.
    pub since: i64,
    /// When it was last seen.
    pub seen_at: i64,
}

impl Gap {
    /// The table.
    pub fn table() -> Table {
        Table {
            name: "_ledger_gaps",
            description: "What could not be read of GitLab, and why; marked as deleted once it has come.",
            columns: vec![
                Column::new("id", Int64, "Hash of reason and address."),
                Column::new("scope", Text, "The group or projects it was met in."),
                Column::new(
                    "reason",
                    Text,
                    "left_out, list_unread, value_cut, deletions_held, absent or hidden.",
                ),
                Column::new("address", Text, "The row's, list's or project's address."),
                Column::new("message", Text, "What GitLab said."),
                Column::new("rows_count", Int64, "How many rows it is about."),
                Column::new("since", Timestamp, "Since when."),
                Column::new("seen_at", Timestamp, "When it was last seen."),
            ],
            primary_key: &["id"],
            version: None,
            partition_by: None,
            cluster_by: &[],
        }
    }

    /// The same for the same thing, whenever it is met.
    pub fn id(&self) -> i64 {
        let (before, place) = split(&self.address);
        let place = place.map_or_else(
            || self.address.clone(),
            |(path, iid, kind)| format!("{before}{path} {kind} {iid}"),
        );
        row_hash(&vec![Value::Text(self.reason.name().into()), Value::Text(place)])
    }

    /// Its row.
    pub fn row(&self) -> Row {
        vec![
            Value::Int(self.id()),
            Value::Text(self.scope.clone()),
            Value::Text(self.reason.name().into()),
            Value::Text(self.address.clone()),
            Value::Text(self.message.clone()),
            Value::Int(self.rows.cast_signed()),
            Value::Time(self.since),
            Value::Time(self.seen_at),
        ]
    }

    /// What a row says.
    pub fn of(row: &Row) -> Self {
        let table = Self::table();
        let name = text(&table, row, "reason");
        let reason = GapReason::ALL.into_iter().find(|reason| reason.name() == name);
        Self {
            scope: text(&table, row, "scope"),
            reason: reason.unwrap_or(GapReason::LeftOut),
            address: text(&table, row, "address"),
            message: text(&table, row, "message"),
            rows: int(&table, row, "rows_count").unsigned_abs(),
            since: int(&table, row, "since"),
            seen_at: int(&table, row, "seen_at"),
        }
    }

    /// Whether a whole row is missing, and not a field of it.
    pub fn is_of_row(&self) -> bool {
        matches!(split(&self.address), ("", Some(_)))
    }

    /// The project's path and the number of the merge request or issue that it is about, and its kind in addresses.
    pub fn row_of(&self) -> Option<(String, i64, &'static str)> {
        split(&self.address).1
    }
}

/// The longest time between two tries, in microseconds: what fails for days still comes within hours of its cure.
const LONGEST_PAUSE: i64 = 6 * 3_600_000_000;

/// Whether it is time to try again what fails since `since` and failed last at `failed_at`: the pauses grow with the time
/// that it has failed for. All in microseconds since 1970.
pub fn is_due(now: i64, since: i64, failed_at: i64) -> bool {
    let pause = (failed_at.saturating_sub(since) / 4).clamp(0, LONGEST_PAUSE);
    now.saturating_sub(failed_at) >= pause
}

/// The project's path and the number in an address such as `https://gitlab.com/a/b/-/issues/7`, and the kind: `issues`
/// or `merge_requests`.
pub fn place_of(address: &str) -> Option<(String, i64, &'static str)> {
    split(address).1
}

/// What stands before the address, and its parts; without a host it begins with the path.
fn split(address: &str) -> (&str, Option<(String, i64, &'static str)>) {
    let (before, address) = address.split_at(address.rfind(' ').map_or(0, |at| at + 1));
    let place = || {
        let (home, rest) = address.split_once("/-/")?;
        let path = match url::Url::parse(home) {
            Ok(home) => home.path().trim_matches('/').to_owned(),
            Err(_) => home.to_owned(),
        };
        let (kind, number) = rest.split_once('/')?;
        // GitLab 18 calls issues work items in addresses.
        let kind = match kind {
            "merge_requests" => "merge_requests",
            "issues" | "work_items" => "issues",
            _ => return None,
        };
        Some((path, number.parse().ok()?, kind))
    };
    (before, place())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rarer_and_never_rarer_than_in_six_hours() {
        const MINUTE: i64 = 60_000_000;
        let (mut failed_at, mut tries) = (0, Vec::new());
        for now in (5..7 * 1440).step_by(5) {
            if is_due(now * MINUTE, 0, failed_at * MINUTE) {
                tries.push(now - failed_at);
                failed_at = now;
            }
        }
        assert_eq!(tries[..6], [5, 5, 5, 5, 5, 10]);
        assert!(tries.is_sorted() && tries.last() == Some(&360), "{tries:?}");
        let of_first_day = tries
            .iter()
            .scan(0, |at, pause| {
                *at += pause;
                Some(*at)
            })
            .filter(|at| *at < 1440);
        assert_eq!(of_first_day.count(), 21);
    }

    #[test]
    fn a_gap_is_its_row_and_is_known_again_by_either_address() {
        let gap = |address: &str| Gap {
            scope: "group:a".into(),
            reason: GapReason::LeftOut,
            address: address.into(),
            message: "Internal server error".into(),
            rows: 1,
            since: 1,
            seen_at: 2,
        };
        let one = gap("https://gitlab.example/a/b/-/issues/7");
        assert_eq!(Gap::of(&one.row()), one);
        assert_eq!(one.row_of(), Some(("a/b".into(), 7, "issues")));
        for other in ["https://gitlab.example/a/b/-/work_items/7", "a/b/-/issues/7"] {
            assert_eq!(one.id(), gap(other).id(), "{other}");
        }
        let ids = [
            one.id(),
            gap("https://gitlab.example/a/b/-/merge_requests/7").id(),
            gap("title of https://gitlab.example/a/b/-/issues/7").id(),
            gap("gid://gitlab/Ci::Pipeline/7").id(),
        ];
        assert_eq!(std::collections::BTreeSet::from(ids).len(), 4);
        assert_eq!(gap("gid://gitlab/Ci::Pipeline/7").row_of(), None);
    }
}
