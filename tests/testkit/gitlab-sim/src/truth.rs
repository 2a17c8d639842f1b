//! The rows that a warehouse should hold after a sync: the columns of the connector's raw tables, written
//! down a second time and from GitLab's side, so that a test compares two independent opinions.

mod chosen;
mod planning;
mod scope;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::data::{
    BASE_URL, MergeRequest, Note, Pipeline, Project, User, World, detailed_merge_status, hex, is_approved,
    merge_request_url, note_url,
};
use crate::instant::{DAY, Instant, print, print_date};
use crate::rest;

pub use scope::rows_in_group;

/// The rows of one raw table that the token may see; `None` if there is no such table.
pub fn rows(world: &World, table: &str, project: Option<u64>) -> Option<Vec<Value>> {
    let here = |id: u64| project.is_none_or(|project| project == id);
    let visible = || {
        world
            .merge_requests
            .iter()
            .filter(|row| !row.hidden && here(row.project))
    };
    Some(match table {
        "projects" => world
            .projects
            .iter()
            .filter(|row| here(row.id))
            .map(project_row)
            .collect(),
        "merge_requests" => visible().map(|row| merge_request_row(world, row)).collect(),
        "mr_notes" => visible()
            .flat_map(|row| notes(world, row).map(|note| note_row(world, row, note)))
            .collect(),
        "pipelines" => world
            .pipelines
            .iter()
            .filter(|row| here(row.project))
            .map(pipeline_row)
            .collect(),
        "users" => users(world, &here),
        "mr_approvals" | "mr_assignees" | "mr_labels" | "mr_reviewers" => visible()
            .flat_map(|row| planning::relations(world, table, row))
            .collect(),
        "issues" => world
            .issues
            .iter()
            .filter(|row| here(row.project))
            .map(|row| planning::issue_row(world, row))
            .collect(),
        "issue_notes" => world
            .issues
            .iter()
            .filter(|row| here(row.project))
            .flat_map(|row| chosen::issue_note_rows(world, row))
            .collect(),
        "mr_diff_files" => visible().flat_map(chosen::diff_rows).collect(),
        "groups" => world
            .groups
            .iter()
            .filter(|_| project.is_none())
            .map(planning::group_row)
            .collect(),
        "labels" => world
            .labels
            .iter()
            .filter(|row| project.is_none() || row.owner.project() == project)
            .map(planning::label_row)
            .collect(),
        "milestones" => world
            .milestones
            .iter()
            .filter(|row| project.is_none() || row.owner.project() == project)
            .map(|row| planning::milestone_row(world, row))
            .collect(),
        _ => return rest::rows(world, table, project),
    })
}

/// What is known of deliveries, by project and day: see [`crate::data::Day`].
pub fn delivery(world: &World) -> Value {
    let days = world
        .delivery
        .days
        .iter()
        .map(|((project, day), known)| json!({"project": project, "day": print_date(day * DAY), "known": known}));
    Value::Array(days.collect())
}

/// Those whom merge requests, their notes, issues and pipelines of the wanted projects refer to.
fn users(world: &World, here: &dyn Fn(u64) -> bool) -> Vec<Value> {
    let mut ids: BTreeSet<u64> = BTreeSet::new();
    for row in world
        .merge_requests
        .iter()
        .filter(|row| !row.hidden && here(row.project))
    {
        ids.extend(row.author.into_iter().chain(row.merge_user));
        ids.extend(row.assignees.iter().chain(&row.approved_by));
        ids.extend(row.reviewers.iter().map(|reviewer| reviewer.user));
        ids.extend(notes(world, row).filter_map(|note| note.author));
    }
    for row in world.issues.iter().filter(|row| here(row.project)) {
        ids.insert(row.author);
        ids.extend(&row.assignees);
    }
    let pipelines = world.pipelines.iter().filter(|row| here(row.project));
    ids.extend(pipelines.filter_map(|row| row.user));
    ids.into_iter()
        .filter_map(|id| world.users.get(id))
        .map(user_row)
        .collect()
}

fn notes<'a>(world: &'a World, row: &'a MergeRequest) -> impl Iterator<Item = &'a Note> {
    row.notes.iter().filter_map(|id| world.notes.get(*id))
}

fn time(at: Option<Instant>) -> Option<String> {
    at.map(print)
}

fn sorted(ids: impl IntoIterator<Item = u64>) -> Vec<u64> {
    ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn project_row(row: &Project) -> Value {
    json!({
        "id": row.id, "name": row.name, "path": row.path, "full_path": row.full_path(),
        "name_with_namespace": row.name_with_namespace(), "description": row.description,
        "web_url": format!("{BASE_URL}/{}", row.full_path()), "default_branch": row.default_branch,
        "visibility": row.visibility, "archived": row.archived, "empty_repo": row.default_branch.is_none(),
        "merge_requests_enabled": true, "star_count": row.star_count, "forks_count": row.forks_count,
        "open_issues_count": row.open_issues_count, "created_at": print(row.created_at),
        "updated_at": print(row.updated_at), "last_activity_at": print(row.last_activity_at),
    })
}

fn user_row(row: &User) -> Value {
    json!({
        "id": row.id, "username": row.username, "name": row.name, "public_email": row.public_email, "state": row.state,
        "bot": row.bot, "web_url": format!("{BASE_URL}/{}", row.username), "created_at": print(row.created_at),
        "last_activity_on": row.last_activity_on.map(print_date),
    })
}

fn merge_request_row(world: &World, row: &MergeRequest) -> Value {
    let milestone = row.milestone.and_then(|id| world.milestones.get(id));
    let head = row.head_pipeline.and_then(|id| world.pipelines.get(id));
    let labels = planning::titles(world, &row.labels);
    let left = row.approvals_required.saturating_sub(row.approved_by.len() as u32);
    let mut json = json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "title": row.title.read(),
        "description": row.description.as_ref().map(|text| text.read().into_owned()), "state": row.state.name(),
        "author_id": row.author, "assignee_id": row.assignees.iter().min(), "created_at": print(row.created_at),
        "updated_at": print(row.updated_at), "merged_at": time(row.merged_at), "closed_at": time(row.closed_at),
        "prepared_at": time(row.prepared_at), "source_branch": row.source_branch, "target_branch": row.target_branch,
        "source_project_id": row.source_project, "web_url": merge_request_url(world, row),
        "additions": row.size.additions, "deletions": row.size.deletions, "changed_files": row.size.files,
        "commit_count": row.commit_count, "last_pipeline_status": head.map(|head| head.status.to_lowercase()),
        "head_pipeline_id": head.map(|head| head.id),
        "approvals_left": world.enterprise.then_some(left),
        "approvals_required": world.enterprise.then_some(row.approvals_required),
        "approved": is_approved(row), "approved_by_ids": sorted(row.approved_by.iter().copied()),
        "reviewer_ids": sorted(row.reviewers.iter().map(|reviewer| reviewer.user)),
        "assignee_ids": sorted(row.assignees.iter().copied()), "draft": row.draft, "work_in_progress": row.draft,
        "labels": labels, "label_ids": sorted(row.labels.iter().copied()), "milestone_id": milestone.map(|found| found.id),
        "milestone_title": milestone.map(|found| found.title.as_str()), "merge_user_id": row.merge_user,
        "merge_commit_sha": row.merge_commit_sha.as_ref().map(hex), "head_sha": row.sha_text(),
        "detailed_merge_status": detailed_merge_status(world, row).to_lowercase(), "has_conflicts": row.conflicts,
    });
    let counters = json!({
        "squash_on_merge": row.squash, "auto_merge_enabled": row.auto_merge,
        "user_notes_count": row.discussions.user_notes, "user_discussions_count": row.discussions.user_discussions,
        "resolvable_discussions_count": row.discussions.resolvable,
        "resolved_discussions_count": row.discussions.resolved, "upvotes": row.upvotes, "downvotes": row.downvotes,
        "time_estimate_seconds": row.time_estimate, "time_spent_seconds": row.time_spent,
    });
    if let (Some(all), Value::Object(more)) = (json.as_object_mut(), counters) {
        all.extend(more);
    }
    json
}

fn note_row(world: &World, row: &MergeRequest, note: &Note) -> Value {
    json!({
        "id": note.id, "project_id": row.project, "merge_request_id": row.id, "author_id": note.author,
        "body": note.body.read(), "system": note.icon.is_some(), "system_note_icon": note.icon, "internal": note.internal,
        "resolvable": note.resolvable, "resolved": note.resolved_at.is_some(), "resolved_at": time(note.resolved_at),
        "created_at": print(note.created_at), "updated_at": print(note.updated_at), "web_url": note_url(world, note),
    })
}

fn pipeline_row(row: &Pipeline) -> Value {
    let iid = row
        .git_ref
        .strip_prefix("refs/merge-requests/")
        .and_then(|rest| rest.split('/').next()?.parse::<u64>().ok());
    json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "ref": row.git_ref, "sha": hex(&row.sha),
        "source": row.source, "status": row.status.to_lowercase(), "user_id": row.user, "merge_request_iid": iid,
        "created_at": print(row.created_at), "updated_at": print(row.updated_at), "started_at": time(row.started_at),
        "finished_at": time(row.finished_at), "committed_at": time(row.committed_at), "duration_seconds": row.duration,
        "queued_duration_seconds": row.queued_duration.map(shortest), "coverage": row.coverage.map(shortest),
    })
}

/// The number that prints the same: 6.3 stays 6.3 and does not become 6.300000190734863.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
