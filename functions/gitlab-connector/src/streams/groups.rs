//! `groups`: those of a scope, read whole from time to time.

use mergemind_shared::warehouse::Kind::{Int64, String};

use super::stream::{Read, Shape, Stream, field, key};

/// The stream's name.
pub const NAME: &str = "groups";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "GitLab's groups and subgroups.",
            cluster_by: &["id"],
            node_type: Some("Group"),
            selection: &["id", "name", "path", "fullPath", "description", "visibility", "parent { id }", "webUrl"],
            read: Read::Snapshot,
            named_by: Some("group_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id; it stays when the group is renamed or moved.", key),
            field("name", String, "Name.", |n| n.text("name")),
            field("path", String, "Last part of the path.", |n| n.text("path")),
            field("full_path", String, "Path with all groups above.", |n| n.text("fullPath")),
            field("description", String, "Description.", |n| n.text("description")),
            field("visibility", String, "private, internal or public.", |n| n.word("visibility")),
            field("parent_id", Int64, "The group above; NULL for a top group, or where the token may not see it.", |n| n.id("parent.id")),
            field("web_url", String, "Address.", |n| n.text("webUrl")),
        ],
    )
}
