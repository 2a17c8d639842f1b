//! `Note Hook`.

use serde_json::{Value, json};

use super::{merge_request, parts};
use crate::changes::{Kind, Made};
use crate::data::{Issue, Note, Noteable, World, issue_url, note_url};
use crate::instant::print_hook;

/// The payloads of the people's comments that the change added or edited.
pub fn bodies(world: &World, made: &Made) -> Vec<Value> {
    let on_issue = made.issue.and_then(|id| world.issues.get(id)?.notes.last().copied());
    let ids = made.moved.mr_notes.iter().copied().chain(on_issue);
    ids.filter_map(|id| world.notes.get(id))
        .filter(|note| note.icon.is_none())
        .filter_map(|note| body(world, made, note))
        .collect()
}

fn body(world: &World, made: &Made, note: &Note) -> Option<Value> {
    let (project, kind, id) = match note.on {
        Noteable::MergeRequest(id) => (world.merge_requests.get(id)?.project, "MergeRequest", id),
        Noteable::Issue(id) => (world.issues.get(id)?.project, "Issue", id),
    };
    let project = world.projects.get(project)?;
    let action = if made.kind == Kind::EditNote {
        "update"
    } else {
        "create"
    };
    let confidential = match note.on {
        Noteable::MergeRequest(_) => note.internal,
        Noteable::Issue(id) => note.internal || world.issues.get(id)?.confidential,
    };
    let mut body = json!({
        "object_kind": "note", "event_type": if confidential { "confidential_note" } else { "note" },
        "user": parts::user(world, note.author), "project_id": project.id, "project": parts::project(project),
        "repository": parts::repository(project),
        "object_attributes": {
            "id": note.id, "note": note.body.read(), "noteable_type": kind, "noteable_id": id,
            "author_id": note.author, "project_id": project.id, "attachment": null, "line_code": null, "commit_id": null,
            "st_diff": null, "system": false, "internal": note.internal, "action": action,
            "type": note.resolvable.then_some("DiffNote"), "resolved_at": parts::time(note.resolved_at),
            "created_at": print_hook(note.created_at), "updated_at": print_hook(note.updated_at),
            "url": note_url(world, note),
        },
    });
    match note.on {
        Noteable::MergeRequest(id) => {
            body["merge_request"] = merge_request::attributes(world, world.merge_requests.get(id)?);
        }
        Noteable::Issue(id) => body["issue"] = issue(world, world.issues.get(id)?),
    }
    Some(body)
}

fn issue(world: &World, row: &Issue) -> Value {
    json!({
        "id": row.id, "iid": row.iid, "project_id": row.project, "title": row.title.read(), "state": row.state(),
        "description": row.description.as_ref().map(|text| text.read().into_owned()), "author_id": row.author,
        "assignee_ids": row.assignees, "confidential": row.confidential, "milestone_id": row.milestone,
        "weight": row.weight, "created_at": print_hook(row.created_at), "updated_at": print_hook(row.updated_at),
        "closed_at": parts::time(row.closed_at), "labels": parts::labels(world, &row.labels),
        "url": issue_url(world, row),
    })
}
