//! `vulnerabilities`: all of a project's whenever something happened in it; GitLab's Enterprise Edition only.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "vulnerabilities",
            description: "Vulnerabilities.",
            cluster_by: &["project_id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/vulnerabilities", query: "", part: None }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description.", |n| n.text("description")),
            field("state", String, "detected, confirmed, dismissed or resolved.", |n| n.word("state")),
            field("severity", String, "info, unknown, low, medium, high or critical.", |n| n.word("severity")),
            field("report_type", String, "The scanner, such as sast or dependency_scanning.", |n| n.word("report_type")),
            field("created_at", Timestamp, "When it was found.", |n| n.time("created_at")),
            field("updated_at", Timestamp, "When it last changed.", |n| n.time("updated_at")),
            field("confirmed_at", Timestamp, "When it was confirmed.", |n| n.time("confirmed_at")),
            field("resolved_at", Timestamp, "When it was resolved.", |n| n.time("resolved_at")),
            field("dismissed_at", Timestamp, "When it was dismissed.", |n| n.time("dismissed_at")),
        ],
    )
}
