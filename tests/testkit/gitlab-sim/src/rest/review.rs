//! What a merge request's own addresses tell of its review: its differences, its notes and its pipelines.

use serde_json::{Value, json};

use super::format::time;
use super::merge_requests::whole;
use super::page::Length;
use super::pipelines;
use super::request::{Call, Reply};
use super::users::basic;
use crate::data::{MergeRequest, Note, diff_stats};

/// `…/changes`: the merge request with its diff. GitLab tells no line counts, so clients count lines of diffs.
pub fn changes(call: &Call<'_>) -> Result<Reply, Reply> {
    let (project, row) = (call.project()?, call.merge_request()?);
    let mut body = whole(call.world(), project, row);
    body["changes"] = diff_stats(row)
        .into_iter()
        .map(|(path, additions, deletions)| {
            json!({
                "old_path": path, "new_path": path, "a_mode": "100644", "b_mode": "100644", "new_file": false,
                "renamed_file": false, "deleted_file": false, "generated_file": false,
                "diff": diff(additions, deletions),
            })
        })
        .collect();
    body["overflow"] = Value::from(false);
    Ok(Reply::of(body))
}

/// `…/notes`: the newest first, unless told otherwise.
pub fn notes(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.merge_request()?);
    let mut found: Vec<&Note> = row.notes.iter().filter_map(|id| world.notes.get(*id)).collect();
    if call.argument("order_by") == Some("updated_at") {
        found.sort_by_key(|note| (note.updated_at, note.id));
    }
    if call.argument("sort") != Some("asc") {
        found.reverse();
    }
    call.page(found.into_iter(), Length::Told, |note| {
        let author = note.author.and_then(|id| world.users.get(id)).map(basic);
        let mut body = json!({
            "id": note.id, "type": note.resolvable.then_some("DiffNote"), "body": note.body.read(), "author": author,
            "created_at": time(note.created_at), "updated_at": time(note.updated_at), "system": note.icon.is_some(),
            "noteable_id": row.id, "noteable_type": "MergeRequest", "project_id": row.project,
            "noteable_iid": row.iid, "resolvable": note.resolvable, "confidential": note.internal,
            "internal": note.internal, "imported": false, "imported_from": "none", "commands_changes": {},
        });
        if note.resolvable {
            body["resolved"] = Value::from(note.resolved_at.is_some());
            body["resolved_at"] = note.resolved_at.map_or(Value::Null, |at| Value::from(time(at)));
        }
        body
    })
}

/// `…/pipelines`: the newest first.
pub fn of_merge_request(call: &Call<'_>) -> Result<Reply, Reply> {
    let (project, row): (_, &MergeRequest) = (call.project()?, call.merge_request()?);
    let rows = row.pipelines.iter().rev();
    let rows = rows.filter_map(|id| call.world().pipelines.get(*id));
    call.page(rows, Length::Told, |row| pipelines::brief(project, row))
}

/// As many lines as were added and deleted, each as short as it can be.
fn diff(additions: u32, deletions: u32) -> String {
    let mut diff = format!("@@ -1,{deletions} +1,{additions} @@\n");
    diff.push_str(&"-x\n".repeat(deletions as usize));
    diff.push_str(&"+x\n".repeat(additions as usize));
    diff
}
