//! What a pass is. The file uses nothing of how passes are planned, read or driven.

use std::time::Duration;

use crate::config::Options;
use crate::streams::{ChangedList, Read, Stream, Streams, issues, merge_requests, pipelines};

/// A pass over a scope. Each is named after the stream whose cursor it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Projects, and the pipelines that changed in them.
    Projects,
    /// Merge requests that changed, with all that belongs to them.
    MergeRequests,
    /// Issues that changed.
    Issues,
    /// Groups, labels and milestones, now and then.
    Dimensions,
    /// Open merge requests, changed or not, now and then.
    OpenMergeRequests,
    /// What is gone, and what was missed, now and then.
    Reconcile,
    /// Lists of the REST API, which are synced by choice.
    RestStreams,
}

/// In this order: what rows refer to comes as early as it can.
pub const ALL: [Pass; 7] = [
    Pass::Dimensions,
    Pass::Projects,
    Pass::MergeRequests,
    Pass::Issues,
    Pass::OpenMergeRequests,
    Pass::Reconcile,
    Pass::RestStreams,
];

impl Pass {
    /// The name of its cursor.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Projects => pipelines::NAME,
            Self::MergeRequests => merge_requests::NAME,
            Self::Issues => issues::NAME,
            Self::Dimensions => "dimensions",
            Self::OpenMergeRequests => "open_merge_requests",
            Self::Reconcile => "reconcile",
            Self::RestStreams => "chosen",
        }
    }

    /// The pass that reads a stream; `None` for users, who come with whatever refers to them.
    pub fn of(stream: &Stream, streams: &Streams) -> Option<Self> {
        match stream.read {
            Read::Changes(ChangedList::Projects) => Some(Self::Projects),
            Read::Changes(ChangedList::MergeRequests) => Some(Self::MergeRequests),
            Read::Changes(ChangedList::Issues) => Some(Self::Issues),
            Read::Snapshot | Read::Owned(_) => Some(Self::Dimensions),
            Read::Within { of, .. } | Read::Notes { of } => Self::of(streams.named(of), streams),
            Read::Referenced => None,
            Read::Rest(_) => Some(Self::RestStreams),
        }
    }

    /// Whether it has anything to do.
    pub fn is_wanted(self, options: &Options, only: &[Self], streams: &Streams) -> bool {
        if !only.is_empty() && !only.contains(&self) {
            return false;
        }
        let mut on = streams.all().filter(|stream| options.on(stream.name()));
        match self {
            Self::Projects | Self::Reconcile => on.any(|stream| stream.read == Read::Changes(ChangedList::Projects)),
            Self::MergeRequests | Self::OpenMergeRequests => {
                on.any(|stream| stream.read == Read::Changes(ChangedList::MergeRequests))
            }
            Self::Issues => on.any(|stream| stream.read == Read::Changes(ChangedList::Issues)),
            Self::Dimensions => on.any(|stream| matches!(stream.read, Read::Snapshot | Read::Owned(_))),
            Self::RestStreams => on.any(|stream| matches!(stream.read, Read::Rest(_))),
        }
    }

    /// How long after its last run it runs again; `None`: in every sync.
    pub fn every(self, options: &Options) -> Option<Duration> {
        match self {
            Self::Projects | Self::MergeRequests | Self::Issues | Self::RestStreams => None,
            Self::Dimensions => Some(options.dimensions_every),
            Self::OpenMergeRequests => Some(options.refresh_every),
            Self::Reconcile => Some(options.reconcile_every),
        }
    }
}
