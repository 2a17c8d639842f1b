//! The kinds of change, and what makes each.

use serde::{Deserialize, Serialize};

use super::scene::Scene;
use super::{Done, edits, lifecycle, pipelines, review, settings, talk};

/// A kind of change. "Quiet" ones leave the merge request's `updated_at` alone, as GitLab does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    OpenMergeRequest,
    Merge,
    Close,
    Reopen,
    /// GitLab leaves no tombstone.
    DeleteMergeRequest,
    /// The token may not see it any more: to a client that is the same as deleted. Quiet.
    HideMergeRequest,
    /// A hidden one becomes visible with its old `updated_at`. Quiet.
    ShowMergeRequest,
    Comment,
    EditNote,
    ResolveDiscussion,
    /// Quiet.
    DeleteNote,
    Approve,
    Unapprove,
    RequestReview,
    Assign,
    EditTitle,
    ToggleDraft,
    SetLabels,
    Push,
    /// One label for many merge requests at one instant.
    BulkEdit,
    /// Quiet, like all that pipelines do.
    StartPipeline,
    FinishPipeline,
    FailPipeline,
    /// Quiet.
    RenameUser,
    /// One more or fewer approval is required in a project. Quiet.
    ChangeApprovalRules,
}

impl Kind {
    pub const ALL: [Self; 25] = [
        Self::OpenMergeRequest,
        Self::Merge,
        Self::Close,
        Self::Reopen,
        Self::DeleteMergeRequest,
        Self::HideMergeRequest,
        Self::ShowMergeRequest,
        Self::Comment,
        Self::EditNote,
        Self::ResolveDiscussion,
        Self::DeleteNote,
        Self::Approve,
        Self::Unapprove,
        Self::RequestReview,
        Self::Assign,
        Self::EditTitle,
        Self::ToggleDraft,
        Self::SetLabels,
        Self::Push,
        Self::BulkEdit,
        Self::StartPipeline,
        Self::FinishPipeline,
        Self::FailPipeline,
        Self::RenameUser,
        Self::ChangeApprovalRules,
    ];
}

pub fn make(scene: &mut Scene<'_>) -> Result<Done, String> {
    match scene.change.kind {
        Kind::OpenMergeRequest => lifecycle::open(scene),
        Kind::Merge => lifecycle::merge(scene),
        Kind::Close => lifecycle::close(scene),
        Kind::Reopen => lifecycle::reopen(scene),
        Kind::DeleteMergeRequest => lifecycle::delete(scene),
        Kind::HideMergeRequest => lifecycle::set_hidden(scene, true),
        Kind::ShowMergeRequest => lifecycle::set_hidden(scene, false),
        Kind::Comment => talk::comment(scene),
        Kind::EditNote => talk::edit(scene),
        Kind::ResolveDiscussion => talk::resolve(scene),
        Kind::DeleteNote => talk::delete(scene),
        Kind::Approve => review::approve(scene),
        Kind::Unapprove => review::unapprove(scene),
        Kind::RequestReview => review::request(scene),
        Kind::Assign => review::assign(scene),
        Kind::EditTitle => edits::title(scene),
        Kind::ToggleDraft => edits::toggle_draft(scene),
        Kind::SetLabels => edits::set_labels(scene),
        Kind::Push => edits::push(scene),
        Kind::BulkEdit => edits::bulk(scene),
        Kind::StartPipeline => pipelines::start(scene),
        Kind::FinishPipeline => pipelines::end(scene, "SUCCESS"),
        Kind::FailPipeline => pipelines::end(scene, "FAILED"),
        Kind::RenameUser => settings::rename_user(scene),
        Kind::ChangeApprovalRules => settings::approval_rules(scene),
    }
}
