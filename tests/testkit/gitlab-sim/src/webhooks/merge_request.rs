//! `Merge Request Hook`.

use serde_json::{Map, Value, json};

use super::parts::{self, time};
use crate::changes::{Kind, Made};
use crate::data::{MergeRequest, State, World, detailed_merge_status, hex, is_approved, merge_request_url};
use crate::instant::print_hook;

/// GitLab's word for what happened to a merge request; none if the change causes no such event.
pub fn action(world: &World, made: &Made) -> Option<&'static str> {
    let id = made.merge_request.unwrap_or_default();
    Some(match made.kind {
        Kind::OpenMergeRequest => "open",
        Kind::Merge => "merge",
        Kind::Close => "close",
        Kind::Reopen => "reopen",
        // One of several approvals is told apart from the last one that was missing.
        Kind::Approve if world.merge_requests.get(id).is_some_and(is_approved) => "approved",
        Kind::Approve => "approval",
        Kind::Unapprove if made.before.get(&id).is_some_and(is_approved) => "unapproved",
        Kind::Unapprove => "unapproval",
        Kind::RequestReview
        | Kind::UnrequestReview
        | Kind::Assign
        | Kind::Unassign
        | Kind::EditTitle
        | Kind::ToggleDraft
        | Kind::SetLabels
        | Kind::Unlabel
        | Kind::BulkEdit
        | Kind::Tie
        | Kind::Push => "update",
        _ => return None,
    })
}

/// The payload; none for a merge request that is gone.
pub fn body(world: &World, made: &Made, id: u64, action: &str) -> Option<Value> {
    let row = world.merge_requests.get(id)?;
    let project = world.project_of(row);
    let mut attributes = attributes(world, row);
    attributes["action"] = json!(action);
    if made.kind == Kind::Push {
        let old = made.before.get(&id).and_then(MergeRequest::sha_text);
        attributes["oldrev"] = json!(old);
    }
    Some(json!({
        "object_kind": "merge_request", "event_type": "merge_request",
        "user": parts::user(world, Some(made.by.unwrap_or(world.token_user))),
        "project": parts::project(project), "object_attributes": attributes,
        "labels": parts::labels(world, &row.labels),
        "changes": made.before.get(&id).map_or_else(|| json!({}), |before| changes(world, before, row)),
        "repository": parts::repository(project),
        "assignees": parts::people(world, row.assignees.iter().copied()),
        "reviewers": parts::people(world, row.reviewers.iter().map(|reviewer| reviewer.user)),
    }))
}

/// The merge request itself, as the hooks of notes tell it too.
pub fn attributes(world: &World, row: &MergeRequest) -> Value {
    let project = parts::project(world.project_of(row));
    let merge_status = match (row.merge_checked, row.conflicts) {
        (false, _) => "unchecked",
        (true, true) => "cannot_be_merged",
        (true, false) => "can_be_merged",
    };
    let state = row.state.name();
    let resolved = row.discussions.resolved == row.discussions.resolvable;
    let mut told = json!({
        "id": row.id, "iid": row.iid, "title": row.title.read(),
        "description": row.description.as_ref().map(|text| text.read().into_owned()), "state": state,
        "state_id": parts::state_id(state), "draft": row.draft, "work_in_progress": row.draft, "author_id": row.author,
        "assignee_id": row.assignees.iter().min(), "assignee_ids": row.assignees,
        "reviewer_ids": row.reviewers.iter().map(|reviewer| reviewer.user).collect::<Vec<u64>>(),
        "source_branch": row.source_branch, "target_branch": row.target_branch,
        "source_project_id": row.source_project, "target_project_id": row.project, "milestone_id": row.milestone,
        "created_at": print_hook(row.created_at), "updated_at": print_hook(row.updated_at),
        "prepared_at": time(row.prepared_at), "merge_status": merge_status,
        "detailed_merge_status": detailed_merge_status(world, row).to_lowercase(),
        "merge_commit_sha": row.merge_commit_sha.as_ref().map(hex), "merge_user_id": row.merge_user,
    });
    let more = json!({
        "head_pipeline_id": row.head_pipeline, "blocking_discussions_resolved": resolved, "first_contribution": false,
        "merge_when_pipeline_succeeds": row.auto_merge, "time_estimate": row.time_estimate,
        "total_time_spent": row.time_spent, "time_change": 0, "url": merge_request_url(world, row),
        "source": if row.source_project == Some(row.project) { project.clone() } else { Value::Null },
        "target": project, "last_commit": parts::last_commit(world, row),
        "labels": parts::labels(world, &row.labels),
    });
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    told
}

/// What differs, each with its value before and after.
fn changes(world: &World, before: &MergeRequest, after: &MergeRequest) -> Value {
    let mut changes = Map::new();
    let mut compare = |name: &str, previous: Value, current: Value| {
        if previous != current {
            changes.insert(name.to_owned(), json!({"previous": previous, "current": current}));
        }
    };
    let both = |tell: &dyn Fn(&MergeRequest) -> Value| (tell(before), tell(after));
    let mut column = |name: &str, tell: &dyn Fn(&MergeRequest) -> Value| {
        let (previous, current) = both(tell);
        compare(name, previous, current);
    };
    column("title", &|row| json!(row.title.read()));
    column("draft", &|row| json!(row.draft));
    column("state_id", &|row| json!(parts::state_id(row.state.name())));
    column("updated_at", &|row| json!(print_hook(row.updated_at)));
    column("merge_user_id", &|row| json!(row.merge_user));
    column("labels", &|row| parts::labels(world, &row.labels));
    column("assignees", &|row| parts::people(world, row.assignees.iter().copied()));
    column("reviewers", &|row| {
        parts::people(world, row.reviewers.iter().map(|reviewer| reviewer.user))
    });
    if after.state == State::Merged {
        column("merge_commit_sha", &|row| json!(row.merge_commit_sha.as_ref().map(hex)));
    }
    Value::Object(changes)
}
