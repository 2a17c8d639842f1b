//! The state of the pass that looks for what is gone, and for what was missed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ledger::Counted;

use super::overlap::complete_until;

/// What a finished pass has left, and the one under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileState {
    /// When the last pass began; `None` before the first has ended.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub complete_until: Option<OffsetDateTime>,
    /// The pass under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<ReconcileProgress>,
    /// What the last pass held back, by stream.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub held: BTreeMap<String, Held>,
}

/// A pass that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileProgress {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// What comes next.
    pub part: ReconcilePart,
    /// Of the list that is being compared: what GitLab no longer shows.
    #[serde(skip_serializing_if = "is_default", default)]
    pub sweep: Sweep,
    /// What this pass has held back so far, by stream.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub held: BTreeMap<String, Held>,
}

/// Deletions of a stream that were not done, because they were so many: the next pass does those that it finds too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// By project: how many rows, and a checksum of their ids.
    #[serde(default)]
    pub projects: BTreeMap<i64, (u64, i64)>,
    /// Whether they were too many to be told apart.
    #[serde(skip_serializing_if = "is_default", default)]
    pub over: bool,
}

/// What a pass has found in a list so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Rows that the raw table had.
    #[serde(default)]
    pub live: u64,
    /// By project: what GitLab no longer shows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub gone: BTreeMap<i64, Gone>,
    /// Whether there is more of that than is kept.
    #[serde(skip_serializing_if = "is_default", default)]
    pub over: bool,
    /// Of a project that is compared in several steps.
    #[serde(skip_serializing_if = "is_default", default)]
    pub current: Tally,
}

/// Rows of a project that GitLab no longer shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub ids: Vec<i64>,
    #[serde(default)]
    pub counted: Counted,
    /// Of the whole project, once it is compared.
    #[serde(default)]
    pub tally: Tally,
}

/// What is in a project's list, by GitLab and by the raw table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows that GitLab shows.
    pub shown: Counted,
    /// Rows that the raw table has, once what differs is read, and before anything is marked as deleted.
    pub live: Counted,
}

impl Tally {
    /// Adds what another part of the list holds.
    pub fn add(&mut self, other: Self) {
        self.shown.add_all(other.shown);
        self.live.add_all(other.live);
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The parts of the pass, in their order. What belongs to rows that are gone is marked at the end of the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconcilePart {
    /// Users and projects, in one step.
    Projects,
    /// The list of merge requests.
    MergeRequests(IdsProgress),
    /// The list of issues.
    Issues(IdsProgress),
    /// The pipelines of each project.
    Pipelines(Vec<PendingIds>),
}

/// How far the ids of a list have been compared, by time of creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdsProgress {
    /// Of single projects: the id of the last one that is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_project: Option<i64>,
    /// Projects whose lists are longer than a page: they come after all others.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub long: Vec<i64>,
    /// All that was created before has been compared, of the first of these.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub compared_until: Option<OffsetDateTime>,
}

/// A project's pipelines whose ids are still to be compared, by descending id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingIds {
    /// The project's full path.
    pub path: String,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// This id and all above it have been compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub below: Option<i64>,
    /// The project's id; none in what an earlier version left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<i64>,
    /// What was found in the pages before.
    #[serde(skip_serializing_if = "is_default", default)]
    pub tally: Tally,
}

impl PendingIds {
    /// All pipelines of a project.
    pub fn of(project: i64, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            project: Some(project),
            ..Self::default()
        }
    }
}

impl ReconcileState {
    /// The pass under way, or a new one that begins at `now`.
    pub fn begin(&self, now: OffsetDateTime) -> ReconcileProgress {
        self.progress.clone().unwrap_or(ReconcileProgress {
            started_at: now,
            part: ReconcilePart::Projects,
            sweep: Sweep::default(),
            held: BTreeMap::new(),
        })
    }

    /// The state when the pass goes on with `part`, or, without one, has come to its end.
    pub fn advanced(&self, progress: ReconcileProgress, part: Option<ReconcilePart>) -> Self {
        match part {
            Some(part) => Self {
                progress: Some(ReconcileProgress { part, ..progress }),
                ..self.clone()
            },
            None => Self {
                complete_until: Some(complete_until(self.complete_until, progress.started_at, Duration::ZERO)),
                progress: None,
                held: progress.held,
            },
        }
    }
}
