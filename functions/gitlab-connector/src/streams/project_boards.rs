//! `project_boards`: issue boards.

use mergemind_shared::warehouse::Kind::{Int64, String};

use super::stream::{Of, Rest, Shape, Source, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "project_boards",
            description: "Issue boards of projects.",
            cluster_by: &["id"],
            source: Source::Rest(Rest { of: Of::Project, path: "projects/{owner}/boards", query: "", part: None }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("name", String, "Name.", |n| n.text("name")),
        ],
    )
}
