//! The state of the pass that looks for what is gone, and for what was missed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

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
}

/// A pass that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileProgress {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// What comes next.
    pub part: ReconcilePart,
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
    /// All that was created before has been compared, of the group or of the project after `last_project`.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub compared_until: Option<OffsetDateTime>,
}

/// A project's pipelines whose ids are still to be compared, by descending id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingIds {
    /// The project's full path.
    pub path: String,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// This id and all above it have been compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub below: Option<i64>,
}

impl PendingIds {
    /// All pipelines of a project.
    pub fn of_path(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            after: None,
            below: None,
        }
    }
}

impl ReconcileState {
    /// The pass under way, or a new one that begins at `now`.
    pub fn begin(&self, now: OffsetDateTime) -> ReconcileProgress {
        self.progress.clone().unwrap_or(ReconcileProgress {
            started_at: now,
            part: ReconcilePart::Projects,
        })
    }

    /// The state when the pass goes on with `part`, or, without one, has come to its end.
    pub fn advanced(&self, started_at: OffsetDateTime, part: Option<ReconcilePart>) -> Self {
        match part {
            Some(part) => Self {
                progress: Some(ReconcileProgress { started_at, part }),
                ..self.clone()
            },
            None => Self {
                complete_until: Some(complete_until(self.complete_until, started_at, Duration::ZERO)),
                progress: None,
            },
        }
    }
}
