//! The kinds of change, and what makes each.

use serde::{Deserialize, Serialize};

use super::scene::Scene;
use super::{Done, edits, issues, lifecycle, pipelines, planning, projects, review, settings, talk};

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
    /// Moves the project's count of open issues, as `close_issue` and `delete_issue` do.
    OpenIssue,
    EditIssue,
    CommentIssue,
    CloseIssue,
    /// GitLab leaves no tombstone.
    DeleteIssue,
    /// In `group`, called `name`.
    CreateProject,
    /// Its name and path, and with them every address in it. Moves the project's `updated_at` alone.
    RenameProject,
    /// To `group`, or to another group of the same tree. Moves the project's `updated_at` alone.
    TransferProject,
    /// Out of the first group's tree.
    TransferProjectOut,
    /// Into the first group's tree.
    TransferProjectIn,
    /// With everything in it; the newest one if none is named. GitLab leaves no tombstone.
    DeleteProject,
    /// Its name and path, and with them every address below. No `updated_at` moves.
    RenameGroup,
    /// In `project` or `group`.
    CreateLabel,
    /// Quiet for all that carries it.
    RenameLabel,
    /// Quiet for all that carries it.
    DeleteLabel,
    /// In `project` or `group`.
    CreateMilestone,
    /// Quiet for all that is planned for it.
    CloseMilestone,
    /// Takes one label off.
    Unlabel,
    /// Takes one assignee off.
    Unassign,
    /// Takes one reviewer off.
    UnrequestReview,
    /// Quiet.
    DeletePipeline,
    /// Two merge requests change in the same instant.
    Tie,
    /// A comment so soon after an update that `updated_at` stays. Quiet.
    ThrottledTouch,
}

impl Kind {
    pub const ALL: [Self; 48] = [
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
        Self::OpenIssue,
        Self::EditIssue,
        Self::CommentIssue,
        Self::CloseIssue,
        Self::DeleteIssue,
        Self::CreateProject,
        Self::RenameProject,
        Self::TransferProject,
        Self::TransferProjectOut,
        Self::TransferProjectIn,
        Self::DeleteProject,
        Self::RenameGroup,
        Self::CreateLabel,
        Self::RenameLabel,
        Self::DeleteLabel,
        Self::CreateMilestone,
        Self::CloseMilestone,
        Self::Unlabel,
        Self::Unassign,
        Self::UnrequestReview,
        Self::DeletePipeline,
        Self::Tie,
        Self::ThrottledTouch,
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
        Kind::OpenIssue => issues::open(scene),
        Kind::EditIssue => issues::edit(scene),
        Kind::CommentIssue => issues::comment(scene),
        Kind::CloseIssue => issues::close(scene),
        Kind::DeleteIssue => issues::delete(scene),
        Kind::CreateProject => projects::create(scene),
        Kind::RenameProject => projects::rename(scene),
        Kind::TransferProject => projects::transfer(scene),
        Kind::TransferProjectOut => projects::transfer_out(scene),
        Kind::TransferProjectIn => projects::transfer_in(scene),
        Kind::DeleteProject => projects::delete(scene),
        Kind::RenameGroup => projects::rename_group(scene),
        Kind::CreateLabel => planning::create_label(scene),
        Kind::RenameLabel => planning::rename_label(scene),
        Kind::DeleteLabel => planning::delete_label(scene),
        Kind::CreateMilestone => planning::create_milestone(scene),
        Kind::CloseMilestone => planning::close_milestone(scene),
        Kind::Unlabel => edits::unlabel(scene),
        Kind::Unassign => review::unassign(scene),
        Kind::UnrequestReview => review::unrequest(scene),
        Kind::DeletePipeline => pipelines::delete(scene),
        Kind::Tie => edits::tie(scene),
        Kind::ThrottledTouch => talk::throttled(scene),
    }
}
