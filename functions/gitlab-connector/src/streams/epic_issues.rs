//! `epic_issues`: which issues belong to an epic, read again whenever the epic was written.

use mergemind_shared::warehouse::Kind::Int64;

use super::stream::{Of, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "epic_issues",
            description: "Issues of epics.",
            cluster_by: &["epic_id"],
            read: Read::Rest(Rest { of: Of::Row("epics"), path: "groups/{owner}/epics/{iid}/issues", query: "", part: None }),
            usual: false,
            parent: Some("epic_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id of the relation.", |n| n.id("epic_issue_id")),
            field("group_id", Int64, "The epic's group.", |n| n.id("_parent.projectId")),
            field("epic_id", Int64, "The epic.", |n| n.id("_parent.id")),
            field("issue_id", Int64, "The issue.", |n| n.id("id")),
            field("project_id", Int64, "The issue's project.", |n| n.id("project_id")),
        ],
    )
}
