//! `issue_notes`: comments and system notes of issues, all of an issue's whenever it changed.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String, Timestamp};

use super::stream::{Read, Shape, Stream, ToldBy, field, key};

/// The stream's name.
pub const NAME: &str = "issue_notes";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "Comments on issues, and GitLab's own notes about them.",
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["issue_id", "id"],
            usual: false,
            parent: Some("issue_id"),
            told_by: Some(ToldBy::ByPeople("user_notes_count")),
            node_type: Some("Note"),
            selection: &[
                "id", "author { id }", "body", "system", "internal", "resolvable", "resolved", "createdAt", "updatedAt",
            ],
            users: &["author_id"],
            read: Read::Notes { of: "issues" },
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("project_id", Int64, "The issue's project.", |n| n.id("_parent.projectId")),
            field("issue_id", Int64, "The issue.", |n| n.id("_parent.id")),
            field("author_id", Int64, "Who wrote it; NULL if the account is gone.", |n| n.id("author.id")),
            field("body", String, "Text, in Markdown.", |n| n.text("body")),
            field("system", Bool, "Whether GitLab wrote it.", |n| n.bool("system")),
            field("internal", Bool, "Whether only members can see it.", |n| n.bool("internal")),
            field("resolvable", Bool, "Whether it can be resolved.", |n| n.bool("resolvable")),
            field("resolved", Bool, "Whether it is resolved.", |n| n.bool("resolved")),
            field("created_at", Timestamp, "When it was written.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When it was last edited or resolved.", |n| n.time("updatedAt")),
        ],
    )
}
