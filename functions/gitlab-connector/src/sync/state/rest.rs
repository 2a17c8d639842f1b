//! The state of the pass over opt-in lists of the REST API.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::overlap::complete_until;

/// What a finished pass has left, and the one under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestState {
    /// Everything that changed before is in the warehouse; `None` before the first pass has ended.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub complete_until: Option<OffsetDateTime>,
    /// When the lists of every project and group were last read, whether anything had happened in them or not.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub all_owners_at: Option<OffsetDateTime>,
    /// By stream whose lists belong to rows: the mark of the newest commit whose rows' lists were read; see [`RestState::mark_of`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub marks: BTreeMap<String, i64>,
    /// The projects whose rows' lists were read, by id. A project that is not among them has rows that nobody asked about.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<i64>,
    /// Lists that could not be read in the last pass, to be tried in the next sync.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retry_next_sync: Vec<PendingList>,
    /// The pass under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<RestProgress>,
}

/// A pass that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestProgress {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// Whether the lists of every project and group are read.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub all_owners: bool,
    /// The stream whose lists are planned; `None` before the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stream: Option<String>,
    /// The id of the last owner whose list of that stream was planned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_owner: Option<i64>,
    /// What [`RestState::marks`] become when the pass has ended: as they were when it began to plan a stream, because a
    /// row that is written meanwhile may have been passed by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub marks: BTreeMap<String, i64>,
    /// What [`RestState::members`] become.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub members: Option<Vec<i64>>,
    /// Whether all lists have been planned.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub planned: bool,
    /// Lists that are still to be read, or have more pages.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pending: Vec<PendingList>,
    /// Lists that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<PendingList>,
}

/// A list of which pages are still to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingList {
    /// The stream of its rows.
    pub stream: String,
    /// Its address below `/api/v4/`, without a query.
    pub path: String,
    /// The id of the row, project or group that it belongs to.
    pub parent: i64,
    /// The id of that one's project or group: its own, if it is one.
    pub owner: i64,
    /// The address of the next page, once some have been read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// Since when changes count, if an earlier pass could not read it.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub since: Option<OffsetDateTime>,
    /// Whether to read it from its beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub all: bool,
    /// Since when it can't be read, and when that was last tried; microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failing: Option<(i64, i64)>,
}

impl fmt::Display for PendingList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stream, self.path)
    }
}

impl PendingList {
    /// The same for the next pass, which begins later and must not forget since when changes count here, after it could not
    /// be read at `now` (microseconds since 1970).
    pub fn again(&self, since: Option<OffsetDateTime>, now: i64) -> Self {
        let since = self.since.or(since);
        Self {
            next: None,
            since,
            all: self.all || since.is_none(),
            failing: Some((self.failing.map_or(now, |(first, _)| first), now)),
            ..self.clone()
        }
    }
}

impl RestState {
    /// The pass under way, or a new one that begins at `now`.
    pub fn begin(&self, now: OffsetDateTime) -> RestProgress {
        self.progress.clone().unwrap_or_else(|| RestProgress {
            started_at: now,
            all_owners: false,
            stream: None,
            last_owner: None,
            marks: BTreeMap::new(),
            members: None,
            planned: false,
            pending: self.retry_next_sync.clone(),
            failed: Vec::new(),
        })
    }

    /// The state when the pass has got further: at its end only the times remain, and what failed.
    pub fn advanced(&self, progress: RestProgress, overlap: Duration) -> Self {
        if !progress.planned || !progress.pending.is_empty() {
            return Self {
                progress: Some(progress),
                ..self.clone()
            };
        }
        Self {
            complete_until: Some(complete_until(self.complete_until, progress.started_at, overlap)),
            all_owners_at: if progress.all_owners {
                Some(progress.started_at)
            } else {
                self.all_owners_at
            },
            marks: self.marks.clone().into_iter().chain(progress.marks).collect(),
            members: progress.members.unwrap_or_else(|| self.members.clone()),
            retry_next_sync: progress.failed,
            progress: None,
        }
    }

    /// The mark of the newest commit of which this stream's lists were read; all that was committed later has a later
    /// one.
    pub fn mark_of(&self, stream: &str) -> i64 {
        let before = || {
            // Earlier versions kept only the time at which the pass began.
            let at = self.complete_until?.unix_timestamp_nanos() / 1000;
            Some(i64::try_from(at).unwrap_or_default() - 1)
        };
        let known = self.marks.get(stream).copied();
        known.or_else(before).unwrap_or_default()
    }

    /// The newest mark that it names.
    pub fn newest_mark(&self) -> Option<i64> {
        let under_way = self.progress.iter().flat_map(|progress| progress.marks.values());
        self.marks.values().chain(under_way).copied().max()
    }

    /// The state of a scope that has read nothing by itself, and all that this one has.
    pub fn shared(&self) -> Self {
        Self {
            complete_until: self.complete_until,
            marks: self.marks.clone(),
            ..Self::default()
        }
    }
}
