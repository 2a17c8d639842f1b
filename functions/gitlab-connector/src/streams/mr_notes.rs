//! `mr_notes`: comments and system notes. GitLab has no list of changed notes, so all notes of a merge
//! request are read whenever it changed.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String, Timestamp};

use super::stream::{Read, Shape, Stream, ToldBy, field, key};

/// The stream's name.
pub const NAME: &str = "mr_notes";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "Comments on merge requests, and GitLab's own notes about them (approvals, pushes, changes).",
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["merge_request_id", "id"],
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::ByPeople("user_notes_count")),
            node_type: Some("Note"),
            selection: &[
                "id", "author { id }", "body", "system", "systemNoteIconName", "internal", "resolvable", "resolved",
                "resolvedAt", "createdAt", "updatedAt",
            ],
            users: &["author_id"],
            read: Read::Notes { of: "merge_requests" },
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("author_id", Int64, "Who wrote it; NULL if the account is gone.", |n| n.id("author.id")),
            field("body", String, "Text, in Markdown.", |n| n.text("body")),
            field("system", Bool, "Whether GitLab wrote it.", |n| n.bool("system")),
            field("system_note_icon", String, "The kind of a system note, such as approval, commit or merge.", |n| n.text("systemNoteIconName")),
            field("internal", Bool, "Whether only members can see it.", |n| n.bool("internal")),
            field("resolvable", Bool, "Whether it can be resolved.", |n| n.bool("resolvable")),
            field("resolved", Bool, "Whether it is resolved.", |n| n.bool("resolved")),
            field("resolved_at", Timestamp, "When it was resolved.", |n| n.time("resolvedAt")),
            field("created_at", Timestamp, "When it was written.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When it was last edited or resolved.", |n| n.time("updatedAt")),
            field("web_url", String, "Address.", |n| n.text("_url")),
        ],
    )
}
