//! `issue_state_events`: when issues were closed and reopened, and by whom.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "issue_state_events",
            description: "Changes of issues' states.",
            cluster_by: &["issue_id"],
            read: Read::Rest(Rest { of: Of::Row("issues"), path: "projects/{owner}/issues/{iid}/resource_state_events", query: "", part: None }),
            usual: false,
            parent: Some("issue_id"),
            users: &["user_id"],
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("issue_id", Int64, "The issue.", |n| n.id("_parent.id")),
            field("project_id", Int64, "The issue's project.", |n| n.id("_parent.projectId")),
            field("user_id", Int64, "Who did it.", |n| n.id("user.id")),
            field("state", String, "closed or reopened.", |n| n.word("state")),
            field("created_at", Timestamp, "When.", |n| n.time("created_at")),
        ],
    )
}
