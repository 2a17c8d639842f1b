//! The state of a pass over lists by time of update.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::overlap::complete_until;

/// What a finished pass has left, and the one under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesState {
    /// Everything that changed before is in the warehouse; `None` before the first pass has ended.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub complete_until: Option<OffsetDateTime>,
    /// Single projects whose lists could not be read in the last pass, to be tried in the next sync.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retry_next_sync: Vec<RetryProject>,
    /// The pass under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<ChangesProgress>,
}

/// A pass that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesProgress {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The time slices that are still to be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slices: Vec<Slice>,
    /// Of single projects: the id of the last one that was begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_project: Option<i64>,
    /// Whether all lists have been begun, and no slice is left.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub listed: bool,
    /// Single projects that an earlier pass could not read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retry: Vec<RetryProject>,
    /// Single projects whose lists could not be read now.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<RetryProject>,
}

/// A part of a list's time that is read page by page. Its bounds are inclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Of a scope of single projects: the project's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<i64>,
    /// Its lower bound; `None` without one.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub from: Option<OffsetDateTime>,
    /// Its upper bound; `None` for the last one.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub until: Option<OffsetDateTime>,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

/// A project whose list could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryProject {
    /// The project's id.
    pub project: i64,
    /// Since when changes count; `None`: since ever.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub since: Option<OffsetDateTime>,
}

impl ChangesState {
    /// The pass under way, or a new one that begins at `now`.
    pub fn begin(&self, now: OffsetDateTime) -> ChangesProgress {
        self.progress.clone().unwrap_or_else(|| ChangesProgress {
            started_at: now,
            slices: Vec::new(),
            last_project: None,
            listed: false,
            retry: self.retry_next_sync.clone(),
            failed: Vec::new(),
        })
    }

    /// The state when the pass has got further: at its end only the time remains, and what failed.
    pub fn advanced(&self, progress: ChangesProgress, overlap: Duration) -> Self {
        if !progress.listed || !progress.retry.is_empty() {
            return Self {
                progress: Some(progress),
                ..self.clone()
            };
        }
        Self {
            complete_until: Some(complete_until(self.complete_until, progress.started_at, overlap)),
            retry_next_sync: progress.failed,
            progress: None,
        }
    }
}
