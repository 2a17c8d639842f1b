//! The content of a cursor: one variant for each pass.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::changes::ChangesState;
use super::projects::ProjectsState;
use super::reconcile::ReconcileState;
use super::rest::RestState;
use crate::sync::pass::Pass;

/// A cursor's content. The driver reads and commits it; each pass changes its own variant only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassState {
    /// Of [`Pass::Projects`].
    Projects(ProjectsState),
    /// Of [`Pass::MergeRequests`].
    MergeRequests(ChangesState),
    /// Of [`Pass::Issues`].
    Issues(ChangesState),
    /// Of [`Pass::Dimensions`].
    Dimensions(SnapshotState),
    /// Of [`Pass::OpenMergeRequests`].
    OpenMergeRequests(ChangesState),
    /// Of [`Pass::Reconcile`].
    Reconcile(ReconcileState),
    /// Of [`Pass::RestStreams`].
    RestStreams(RestState),
}

/// The state of a pass that reads all in one step: it is never under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// When it last began; `None` before it has run once.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub complete_until: Option<OffsetDateTime>,
}

impl PassState {
    /// Of a pass that has never run.
    pub fn new(pass: Pass) -> Self {
        match pass {
            Pass::Projects => Self::Projects(ProjectsState::default()),
            Pass::MergeRequests => Self::MergeRequests(ChangesState::default()),
            Pass::Issues => Self::Issues(ChangesState::default()),
            Pass::Dimensions => Self::Dimensions(SnapshotState::default()),
            Pass::OpenMergeRequests => Self::OpenMergeRequests(ChangesState::default()),
            Pass::Reconcile => Self::Reconcile(ReconcileState::default()),
            Pass::RestStreams => Self::RestStreams(RestState::default()),
        }
    }

    /// Of a pass that has nothing left to read before `at`.
    pub fn complete(pass: Pass, at: OffsetDateTime) -> Self {
        let mut state = Self::new(pass);
        let complete_until = match &mut state {
            Self::Projects(state) => &mut state.complete_until,
            Self::MergeRequests(state) | Self::Issues(state) | Self::OpenMergeRequests(state) => {
                &mut state.complete_until
            }
            Self::Dimensions(state) => &mut state.complete_until,
            Self::Reconcile(state) => &mut state.complete_until,
            Self::RestStreams(state) => &mut state.complete_until,
        };
        *complete_until = Some(at);
        state
    }

    /// The cursor's text.
    pub fn to_cursor(&self) -> String {
        serde_json::to_string(self).expect("a state is always JSON")
    }

    /// Everything that changed before is in the warehouse; `None` before the pass has come to its end once.
    pub fn complete_until(&self) -> Option<OffsetDateTime> {
        match self {
            Self::Projects(state) => state.complete_until,
            Self::MergeRequests(state) | Self::Issues(state) | Self::OpenMergeRequests(state) => state.complete_until,
            Self::Dimensions(state) => state.complete_until,
            Self::Reconcile(state) => state.complete_until,
            Self::RestStreams(state) => state.complete_until,
        }
    }

    /// Whether the pass has begun and not come to its end.
    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Projects(state) => state.progress.is_some(),
            Self::MergeRequests(state) | Self::Issues(state) | Self::OpenMergeRequests(state) => {
                state.progress.is_some()
            }
            Self::Dimensions(_) => false,
            Self::Reconcile(state) => state.progress.is_some(),
            Self::RestStreams(state) => state.progress.is_some(),
        }
    }

    /// The newest mark of a commit that it names, if it names any.
    pub fn newest_mark(&self) -> Option<i64> {
        match self {
            Self::RestStreams(state) => state.newest_mark(),
            _ => None,
        }
    }

    pub(super) fn is_same_pass(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}
