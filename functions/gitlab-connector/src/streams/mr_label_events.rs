//! `mr_label_events`: when labels were put on merge requests and taken off.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_label_events",
            description: "Labels put on merge requests and taken off.",
            cluster_by: &["merge_request_id"],
            read: Read::Rest(Rest { of: Of::Row("merge_requests"), path: "projects/{owner}/merge_requests/{iid}/resource_label_events", query: "", part: None }),
            usual: false,
            parent: Some("merge_request_id"),
            users: &["user_id"],
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
            field("user_id", Int64, "Who did it.", |n| n.id("user.id")),
            field("label_id", Int64, "The label; NULL if it is gone.", |n| n.id("label.id")),
            field("label_title", String, "Its title now; NULL if it is gone.", |n| n.text("label.name")),
            field("action", String, "add or remove.", |n| n.word("action")),
            field("created_at", Timestamp, "When.", |n| n.time("created_at")),
        ],
    )
}
