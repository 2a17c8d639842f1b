//! What GitLab computes when it is asked, rather than keeps.

use super::words;
use super::{MergeRequest, State, World, hex};
use crate::random::Random;

/// GitLab's `DetailedMergeStatus`: the first reason against merging, in GitLab's order of checks.
pub fn detailed_merge_status(world: &World, row: &MergeRequest) -> &'static str {
    let pipeline = row
        .head_pipeline
        .and_then(|id| world.pipelines.get(id))
        .map_or("SUCCESS", |pipeline| pipeline.status);
    if row.prepared_at.is_none() {
        return "PREPARING";
    }
    match row.state {
        State::Merged | State::Closed | State::Locked => return "NOT_OPEN",
        State::Opened => {}
    }
    if !row.merge_checked {
        return "UNCHECKED";
    }
    if row.draft {
        return "DRAFT_STATUS";
    }
    if row
        .reviewers
        .iter()
        .any(|reviewer| reviewer.state == "REQUESTED_CHANGES")
    {
        return "REQUESTED_CHANGES";
    }
    if (row.approved_by.len() as u32) < row.approvals_required {
        return "NOT_APPROVED";
    }
    if row.conflicts {
        return "CONFLICT";
    }
    if row.discussions.resolved < row.discussions.resolvable && row.id.is_multiple_of(3) {
        return "DISCUSSIONS_NOT_RESOLVED";
    }
    match pipeline {
        "RUNNING" | "PENDING" | "CREATED" => "CI_STILL_RUNNING",
        "FAILED" | "CANCELED" => "CI_MUST_PASS",
        _ if row.id.is_multiple_of(29) => "NEED_REBASE",
        _ => "MERGEABLE",
    }
}

/// GitLab's `approved`: true only when somebody approved and nobody's approval is missing.
pub fn is_approved(row: &MergeRequest) -> bool {
    let given = row.approved_by.len() as u32;
    given > 0 && given >= row.approvals_required
}

/// The files of the diff as `(path, additions, deletions)`; they add up to the merge request's size.
pub fn diff_stats(row: &MergeRequest) -> Vec<(String, u32, u32)> {
    let files = row.size.files;
    let mut left = (row.size.additions, row.size.deletions);
    let random = &mut Random::of(row.id, 94, 0);
    (0..files)
        .map(|index| {
            let last = index + 1 == files;
            let mut take = |left: &mut u32| {
                let share = if last {
                    *left
                } else {
                    random.below(u64::from(*left / 2) + 1) as u32
                };
                *left -= share;
                share
            };
            let (additions, deletions) = (take(&mut left.0), take(&mut left.1));
            (words::path(row.id, index), additions, deletions)
        })
        .collect()
}

impl MergeRequest {
    pub fn sha_text(&self) -> Option<String> {
        self.sha.as_ref().map(hex)
    }
}
