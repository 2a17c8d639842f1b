//! `mr_state_events`: when merge requests were closed, reopened and merged, and by whom.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_state_events",
            description: "Changes of merge requests' states.",
            cluster_by: &["merge_request_id"],
            read: Read::Rest(Rest { of: Of::Row("merge_requests"), path: "projects/{owner}/merge_requests/{iid}/resource_state_events", query: "", part: None }),
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
            field("state", String, "closed, reopened or merged.", |n| n.word("state")),
            field("created_at", Timestamp, "When.", |n| n.time("created_at")),
        ],
    )
}
