//! The state of the pass over opt-in lists of the REST API.

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
}

impl PendingList {
    /// The same for the next pass, which begins later and must not forget since when changes count here.
    pub fn again(&self, since: Option<OffsetDateTime>) -> Self {
        let since = self.since.or(since);
        Self {
            next: None,
            since,
            all: self.all || since.is_none(),
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
            retry_next_sync: progress.failed,
            progress: None,
        }
    }
}
