//! `environments`: all of a project's whenever something happened in it.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "environments",
            description: "Environments.",
            cluster_by: &["project_id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/environments", query: "", part: None }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("name", String, "Name.", |n| n.text("name")),
            field("slug", String, "Name as part of an address.", |n| n.text("slug")),
            field("state", String, "available, stopping or stopped.", |n| n.word("state")),
            field("tier", String, "production, staging, testing, development or other.", |n| n.word("tier")),
            field("external_url", String, "Where it is.", |n| n.text("external_url")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("created_at")),
            field("updated_at", Timestamp, "When it last changed.", |n| n.time("updated_at")),
        ],
    )
}
