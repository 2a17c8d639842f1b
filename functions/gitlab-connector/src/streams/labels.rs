//! `labels`: read whole from time to time, and when a row refers to one that is not known yet.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{OwnedList, Read, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "labels",
            description: "Labels of groups and of projects.",
            cluster_by: &["id"],
            node_type: Some("Label"),
            selection: &["id", "title", "description", "color", "createdAt", "updatedAt"],
            read: Read::Owned(OwnedList { list: "labels", of_group: &["onlyGroupLabels"], with_ancestors: &["onlyGroupLabels", "includeAncestorGroups"] }),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description.", |n| n.text("description")),
            field("color", String, "Background colour, as #rrggbb or a name.", |n| n.text("color")),
            field("group_id", Int64, "The group it belongs to; NULL for a project's label.", |n| n.id("_groupId")),
            field("project_id", Int64, "The project it belongs to; NULL for a group's label.", |n| n.id("_projectId")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When it was last changed.", |n| n.time("updatedAt")),
        ],
    )
}
