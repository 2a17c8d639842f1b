//! `tags`: all of a project's whenever something happened in it.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "tags",
            description: "Tags.",
            key: &["project_id", "name"],
            cluster_by: &["project_id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/repository/tags", query: "", part: None }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("name", String, "Name.", |n| n.text("name")),
            field("message", String, "Message of an annotated tag.", |n| n.text("message")),
            field("target_sha", String, "What it points to: the tag object, or the commit.", |n| n.text("target")),
            field("commit_sha", String, "The commit.", |n| n.text("commit.id")),
            field("committed_at", Timestamp, "When that commit was made.", |n| n.time("commit.committed_date")),
            field("protected", Bool, "Whether it is protected.", |n| n.bool("protected")),
        ],
    )
}
