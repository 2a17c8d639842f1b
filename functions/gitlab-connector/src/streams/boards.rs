//! `group_boards` and `project_boards`: issue boards.

use mergemind_shared::warehouse::Kind::{Int64, String};

use super::stream::{Of, Read, Rest, Shape, Stream, StreamField, field, key};

/// Those of groups.
pub fn of_groups() -> Stream {
    let owner = field("group_id", Int64, "The group.", |n| n.id("_parent.id"));
    stream(
        Shape {
            name: "group_boards",
            description: "Issue boards of groups.",
            cluster_by: &["id"],
            read: Read::Rest(Rest {
                of: Of::Group,
                path: "groups/{owner}/boards",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("group_id"),
            ..Shape::default()
        },
        owner,
    )
}

/// Those of projects.
pub fn of_projects() -> Stream {
    let owner = field("project_id", Int64, "The project.", |n| n.id("_parent.id"));
    stream(
        Shape {
            name: "project_boards",
            description: "Issue boards of projects.",
            cluster_by: &["id"],
            read: Read::Rest(Rest {
                of: Of::Project,
                path: "projects/{owner}/boards",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        owner,
    )
}

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
fn stream(shape: Shape, owner: StreamField) -> Stream {
    Stream::new(
        shape,
        vec![
            field("id", Int64, "GitLab's id.", key),
            owner,
            field("name", String, "Name.", |n| n.text("name")),
        ],
    )
}
