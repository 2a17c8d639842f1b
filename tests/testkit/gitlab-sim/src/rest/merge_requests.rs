//! `/projects/:id/merge_requests`, and one of them.

use serde_json::{Value, json};

use super::format::{time, time_or_null};
use super::page::Length;
use super::request::{Call, Reply};
use super::users::basic;
use crate::data::{
    Column, Filter, MergeRequest, Milestone, Order, Owner, Project, Span, State, World, detailed_merge_status, hex,
    is_approved, merge_request_url, select,
};
use crate::instant::{print, print_date};

/// The newest first, unless told otherwise.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, project) = (call.world(), call.project()?);
    let filter = Filter {
        state: call.argument("state").and_then(state),
        updated: span(call, "updated")?,
        created: span(call, "created")?,
        ..Filter::default()
    };
    let order = Order {
        column: match call.argument("order_by") {
            Some("updated_at") => Column::Updated,
            Some("merged_at") => Column::Merged,
            Some("title") => Column::Title,
            _ => Column::Created,
        },
        descending: call.argument("sort") != Some("asc"),
    };
    let projects = [project];
    let rows = select(world, &projects, &filter, order, None).filter(|row: &&MergeRequest| !row.hidden);
    call.page(rows, Length::Told, |row| body(world, project, row))
}

pub fn one(call: &Call<'_>) -> Result<Reply, Reply> {
    let (project, row) = (call.project()?, call.merge_request()?);
    Ok(Reply::of(whole(call.world(), project, row)))
}

/// A merge request with what only its own address tells.
pub fn whole(world: &World, project: &Project, row: &MergeRequest) -> Value {
    let mut whole = body(world, project, row);
    whole["changes_count"] = Value::from(row.size.files.to_string());
    whole["diff_refs"] = json!({
        "base_sha": hex(&row.base_sha), "head_sha": row.sha_text(), "start_sha": hex(&row.base_sha),
    });
    whole["subscribed"] = Value::from(false);
    whole["user"] = json!({"can_merge": false});
    whole
}

/// A merge request as it stands in a list.
pub(super) fn body(world: &World, project: &Project, row: &MergeRequest) -> Value {
    let user = |id: Option<u64>| id.and_then(|id| world.users.get(id)).map(basic);
    let several = |ids: &[u64]| ids.iter().filter_map(|id| user(Some(*id))).collect::<Vec<Value>>();
    let reviewers: Vec<u64> = row.reviewers.iter().map(|reviewer| reviewer.user).collect();
    let mut labels: Vec<&str> = row
        .labels
        .iter()
        .filter_map(|id| world.labels.get(*id))
        .map(|label| label.title.as_str())
        .collect();
    labels.sort_unstable();
    let milestone = row.milestone.and_then(|id| world.milestones.get(id));
    let mut body = json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "title": row.title.read(),
        "description": row.description.as_ref().map(|text| text.read().into_owned()), "state": row.state.name(),
        "created_at": time(row.created_at), "updated_at": time(row.updated_at),
        "merged_at": time_or_null(row.merged_at), "closed_at": time_or_null(row.closed_at),
        "prepared_at": time_or_null(row.prepared_at), "merged_by": user(row.merge_user),
        "merge_user": user(row.merge_user), "closed_by": user(row.closed_by()), "target_branch": row.target_branch,
        "source_branch": row.source_branch, "user_notes_count": row.discussions.user_notes, "upvotes": row.upvotes,
        "downvotes": row.downvotes, "author": user(row.author), "assignees": several(&row.assignees),
        "assignee": user(row.assignees.first().copied()), "reviewers": several(&reviewers),
        "source_project_id": row.source_project, "target_project_id": row.project, "labels": labels,
        "draft": row.draft, "work_in_progress": row.draft,
        "milestone": milestone.map(milestone_body),
        "merge_when_pipeline_succeeds": row.auto_merge,
        "merge_status": if row.merge_checked { "can_be_merged" } else { "unchecked" },
        "detailed_merge_status": detailed_merge_status(world, row).to_lowercase(),
        "sha": row.sha_text(), "merge_commit_sha": row.merge_commit_sha.as_ref().map(hex),
    });
    // In two steps, because a macro has its limits.
    let rest = json!({
        "squash_commit_sha": row.squash_commit_sha.as_ref().map(hex), "discussion_locked": null, "should_remove_source_branch": null,
        "force_remove_source_branch": true, "imported": false, "imported_from": "none",
        "reference": format!("!{}", row.iid),
        "references": {
            "short": format!("!{}", row.iid), "relative": format!("!{}", row.iid),
            "full": format!("{}!{}", project.full_path(), row.iid),
        },
        "web_url": merge_request_url(world, row), "squash": row.squash, "squash_on_merge": row.squash,
        "time_stats": {
            "time_estimate": row.time_estimate, "total_time_spent": row.time_spent, "human_time_estimate": null,
            "human_total_time_spent": null,
        },
        "task_completion_status": {"count": 0, "completed_count": 0}, "has_conflicts": row.conflicts,
        "blocking_discussions_resolved": row.discussions.resolved >= row.discussions.resolvable,
        "approvals_before_merge": null,
    });
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    body
}

/// The row of `mr_details`.
pub fn detail_rows(row: &MergeRequest) -> Vec<Value> {
    vec![json!({
        "merge_request_id": row.id, "project_id": row.project,
        "squash_commit_sha": row.squash_commit_sha.as_ref().map(hex), "closed_by_id": row.closed_by(),
        "updated_at": print(row.updated_at),
    })]
}

/// `/projects/:id/merge_requests/:merge_request_iid/approvals`.
pub fn approvals(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.merge_request()?);
    let given = row.approved_by.iter().filter_map(|id| world.users.get(*id));
    let given: Vec<Value> = given.map(|user| json!({"user": basic(user)})).collect();
    let left = row.approvals_required.saturating_sub(row.approved_by.len() as u32);
    Ok(Reply::of(json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "title": row.title.read(), "state": row.state.name(),
        "created_at": time(row.created_at), "updated_at": time(row.updated_at), "approved": is_approved(row),
        "approvals_required": row.approvals_required, "approvals_left": left, "approved_by": given,
        "user_has_approved": false, "user_can_approve": false,
    })))
}

fn milestone_body(row: &Milestone) -> Value {
    let (group, project) = match row.owner {
        Owner::Group(id) => (Some(id), None),
        Owner::Project(id) => (None, Some(id)),
    };
    json!({
        "id": row.id, "iid": row.iid, "group_id": group, "project_id": project, "title": row.title,
        "description": row.description, "state": if row.active { "active" } else { "closed" },
        "created_at": time(row.created_at), "updated_at": time(row.updated_at),
        "start_date": row.start_date.map(print_date), "due_date": row.due_date.map(print_date),
    })
}

fn state(name: &str) -> Option<State> {
    [State::Opened, State::Closed, State::Locked, State::Merged]
        .into_iter()
        .find(|state| state.name() == name)
}

/// `updated_after` and `updated_before`; both ends are included.
fn span(call: &Call<'_>, column: &str) -> Result<Span, Reply> {
    Ok(Span {
        after: call.instant(&format!("{column}_after"))?,
        before: call.instant(&format!("{column}_before"))?,
    })
}
