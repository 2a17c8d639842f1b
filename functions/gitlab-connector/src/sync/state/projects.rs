//! The state of the pass over projects, their pipelines, and the past of new projects.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::overlap::complete_until;

/// What a finished pass has left, and the one under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectsState {
    /// Everything that changed before is in the warehouse; `None` before the first pass has ended.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub complete_until: Option<OffsetDateTime>,
    /// The pages of the list of projects, as they were when it was last read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pages: Vec<KnownPage>,
    /// Of single projects: the ids of those that were in the scope in the last pass.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<i64>,
    /// Lists of pipelines that could not be read in the last pass, to be tried in the next sync.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retry_next_sync: Vec<PendingPipelines>,
    /// Lists of new projects that could not be read in the last pass, to be tried in the next sync.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub backfill_next_sync: Vec<Backfill>,
    /// The pass under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<ProjectsProgress>,
}

/// A pass that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectsProgress {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// Where the list of projects goes on; `None` at its beginning.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<After>,
    /// Whether the list of projects has been read to its end.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub listed: bool,
    /// The pages read so far.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pages: Vec<KnownPage>,
    /// Of single projects: the ids of those that were seen so far.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<i64>,
    /// Lists of pipelines that are still to be read, or have more pages.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pending: Vec<PendingPipelines>,
    /// Lists of pipelines that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<PendingPipelines>,
    /// Projects that came into the scope with a past, to be read from their beginning.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub backfill: Vec<Backfill>,
    /// Such lists that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub backfill_failed: Vec<Backfill>,
}

/// A place in the list of projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Of a group: GitLab's cursor.
    Cursor(String),
    /// Of single projects, which are read by ascending ids: the id of the last one.
    Project(i64),
}

impl After {
    /// GitLab's cursor, if it is one.
    pub fn cursor(&self) -> Option<&str> {
        match self {
            Self::Cursor(cursor) => Some(cursor),
            Self::Project(_) => None,
        }
    }

    /// The id, if it is one.
    pub fn project(&self) -> Option<i64> {
        match self {
            Self::Cursor(_) => None,
            Self::Project(id) => Some(*id),
        }
    }
}

/// A page of the list of projects: where it began, and what was on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPage {
    /// The place before it; `None` for the first.
    pub after: Option<After>,
    /// Hash of the ids and paths on it.
    pub hash: u32,
}

/// A project's list of pipelines, or a time slice of it, of which pages are still to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPipelines {
    /// The project's full path.
    pub path: String,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// Only pipelines that were updated after, if it differs from the pass's own bound.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub since: Option<OffsetDateTime>,
    /// Only pipelines that were updated before.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub until: Option<OffsetDateTime>,
    /// Whether to read it from its beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub all: bool,
}

/// A list of a project that came into the scope with a past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The project's id.
    pub project: i64,
    /// The stream whose list is being read.
    pub stream: String,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

impl PendingPipelines {
    /// The pipelines of a project; from their beginning if `all`.
    pub fn of_path(path: &str, all: bool) -> Self {
        Self {
            path: path.to_owned(),
            all,
            ..Self::default()
        }
    }

    /// The same for the next pass, which begins later and must not forget since when changes count here.
    pub fn again(&self, since: Option<OffsetDateTime>) -> Self {
        let since = self.since.or(since);
        Self {
            after: None,
            since,
            all: self.all || since.is_none(),
            ..self.clone()
        }
    }
}

impl ProjectsState {
    /// The pass under way, or a new one that begins at `now`.
    pub fn begin(&self, now: OffsetDateTime) -> ProjectsProgress {
        self.progress.clone().unwrap_or_else(|| ProjectsProgress {
            started_at: now,
            after: None,
            listed: false,
            pages: Vec::new(),
            members: Vec::new(),
            pending: self.retry_next_sync.clone(),
            failed: Vec::new(),
            backfill: self.backfill_next_sync.clone(),
            backfill_failed: Vec::new(),
        })
    }

    /// The state when the pass has got further: at its end only the time remains, what failed, and what the list held.
    pub fn advanced(&self, progress: ProjectsProgress, overlap: Duration) -> Self {
        if !progress.listed || !progress.pending.is_empty() || !progress.backfill.is_empty() {
            return Self {
                progress: Some(progress),
                ..self.clone()
            };
        }
        Self {
            complete_until: Some(complete_until(self.complete_until, progress.started_at, overlap)),
            pages: progress.pages,
            members: progress.members,
            retry_next_sync: progress.failed,
            backfill_next_sync: progress.backfill_failed,
            progress: None,
        }
    }
}
