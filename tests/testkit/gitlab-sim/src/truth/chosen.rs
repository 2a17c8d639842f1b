//! Rows of what GraphQL tells and is synced by choice only.

use serde_json::{Value, json};

use crate::data::{Issue, MergeRequest, World, diff_stats};
use crate::instant::print;

/// Rows of `mr_diff_files`.
pub fn diff_rows(row: &MergeRequest) -> Vec<Value> {
    let files = diff_stats(row).into_iter().map(|(path, additions, deletions)| {
        json!({
            "merge_request_id": row.id, "path": path, "project_id": row.project, "additions": additions,
            "deletions": deletions,
        })
    });
    files.collect()
}

/// Rows of `issue_notes`.
pub fn issue_note_rows(world: &World, row: &Issue) -> Vec<Value> {
    let notes = row.notes.iter().filter_map(|id| world.notes.get(*id)).map(|note| {
        json!({
            "id": note.id, "project_id": row.project, "issue_id": row.id, "author_id": note.author,
            "body": note.body.read(), "system": note.icon.is_some(), "internal": note.internal,
            "resolvable": note.resolvable, "resolved": note.resolved_at.is_some(),
            "created_at": print(note.created_at), "updated_at": print(note.updated_at),
        })
    });
    notes.collect()
}
