//! `branches`: all of a project's whenever something happened in it.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "branches",
            description: "Branches.",
            key: &["project_id", "name"],
            cluster_by: &["project_id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/repository/branches", query: "", part: None }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("name", String, "Name.", |n| n.text("name")),
            field("commit_sha", String, "The newest commit.", |n| n.text("commit.id")),
            field("merged", Bool, "Whether it is merged into the default branch.", |n| n.bool("merged")),
            field("protected", Bool, "Whether it is protected.", |n| n.bool("protected")),
            field("is_default", Bool, "Whether it is the default branch.", |n| n.bool("default")),
            field("developers_can_push", Bool, "Whether developers can push to it.", |n| n.bool("developers_can_push")),
            field("developers_can_merge", Bool, "Whether developers can merge into it.", |n| n.bool("developers_can_merge")),
            field("committed_at", Timestamp, "When its newest commit was made.", |n| n.time("commit.committed_date")),
            field("web_url", String, "Address.", |n| n.text("web_url")),
        ],
    )
}
