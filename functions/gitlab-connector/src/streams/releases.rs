//! `releases`: all of a project's whenever something happened in it.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "releases",
            description: "Releases.",
            key: &["project_id", "tag_name"],
            cluster_by: &["project_id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/releases", query: "", part: None }),
            usual: false,
            parent: Some("project_id"),
            users: &["author_id"],
            ..Shape::default()
        },
        vec![
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("tag_name", String, "Its tag.", |n| n.text("tag_name")),
            field("name", String, "Name.", |n| n.text("name")),
            field("description", String, "Description, in Markdown.", |n| n.text("description")),
            field("author_id", Int64, "Who made it.", |n| n.id("author.id")),
            field("commit_sha", String, "The commit.", |n| n.text("commit.id")),
            field("upcoming_release", Bool, "Whether its time is still to come.", |n| n.bool("upcoming_release")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("created_at")),
            field("released_at", Timestamp, "When it was, or will be, released.", |n| n.time("released_at")),
        ],
    )
}
