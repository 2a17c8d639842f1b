//! Rows of groups, labels, milestones and issues, and of what hangs on merge requests.

use serde_json::{Value, json};

use super::{sorted, time};
use crate::data::{BASE_URL, Group, Issue, Label, MergeRequest, Milestone, World, issue_url, milestone_path};
use crate::instant::{Instant, print, print_date};

pub fn group_row(row: &Group) -> Value {
    json!({
        "id": row.id, "name": row.name, "path": row.path(), "full_path": row.full_path, "description": row.description,
        "visibility": row.visibility, "parent_id": row.parent,
        "web_url": format!("{BASE_URL}/groups/{}", row.full_path),
    })
}

pub fn label_row(row: &Label) -> Value {
    json!({
        "id": row.id, "title": row.title, "description": row.description, "color": row.color,
        "group_id": row.owner.group(), "project_id": row.owner.project(), "created_at": print(row.created_at),
        "updated_at": print(row.updated_at),
    })
}

pub fn milestone_row(world: &World, row: &Milestone) -> Value {
    json!({
        "id": row.id, "iid": row.iid, "group_id": row.owner.group(), "project_id": row.owner.project(),
        "title": row.title, "description": row.description, "state": if row.active { "active" } else { "closed" },
        "start_date": date(row.start_date), "due_date": date(row.due_date),
        "web_url": format!("{BASE_URL}{}", milestone_path(world, row)), "created_at": print(row.created_at),
        "updated_at": print(row.updated_at),
    })
}

pub fn issue_row(world: &World, row: &Issue) -> Value {
    json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "title": row.title.read(),
        "description": row.description.as_ref().map(|text| text.read().into_owned()), "state": row.state(),
        "type": row.kind.to_lowercase(), "author_id": row.author,
        "assignee_ids": sorted(row.assignees.iter().copied()), "labels": titles(world, &row.labels),
        "label_ids": sorted(row.labels.iter().copied()),
        "milestone_id": row.milestone, "confidential": row.confidential, "weight": row.weight,
        "due_date": date(row.due_date), "web_url": issue_url(world, row), "user_notes_count": row.user_notes,
        "upvotes": row.upvotes, "downvotes": row.downvotes, "time_estimate_seconds": row.time_estimate,
        "time_spent_seconds": row.time_spent, "created_at": print(row.created_at), "updated_at": print(row.updated_at),
        "closed_at": time(row.closed_at),
    })
}

/// The rows of a table that holds a merge request's relations; none if it is no such table.
pub fn relations(world: &World, table: &str, row: &MergeRequest) -> Vec<Value> {
    let users = |ids: &[u64]| {
        let rows = ids.iter().map(|id| {
            json!({
                "merge_request_id": row.id, "user_id": id, "project_id": row.project,
            })
        });
        rows.collect()
    };
    match table {
        "mr_approvals" => users(&row.approved_by),
        "mr_assignees" => users(&row.assignees),
        "mr_reviewers" => {
            let reviewers = row.reviewers.iter().map(|reviewer| {
                json!({
                    "merge_request_id": row.id, "user_id": reviewer.user, "project_id": row.project,
                    "review_state": reviewer.state.to_lowercase(),
                })
            });
            reviewers.collect()
        }
        "mr_labels" => {
            let labels = row.labels.iter().filter_map(|id| world.labels.get(*id));
            let labels = labels.map(|label| {
                json!({
                    "merge_request_id": row.id, "label_id": label.id, "project_id": row.project, "title": label.title,
                })
            });
            labels.collect()
        }
        _ => Vec::new(),
    }
}

pub fn titles<'a>(world: &'a World, labels: &[u64]) -> Vec<&'a str> {
    let labels = labels.iter().filter_map(|id| world.labels.get(*id));
    let mut titles: Vec<&str> = labels.map(|label| label.title.as_str()).collect();
    titles.sort_unstable();
    titles
}

fn date(at: Option<Instant>) -> Option<String> {
    at.map(print_date)
}
