//! `mr_approvals`: the approvals that stand. When they were given is in `mr_notes`.

use mergemind_shared::warehouse::Kind::Int64;

use super::stream::{Read, Shape, Stream, ToldBy, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_approvals",
            description: "Approvals of merge requests that stand. When one was given or taken back is among the system notes.",
            key: &["merge_request_id", "user_id"],
            cluster_by: &["merge_request_id"],
            read: Read::Within { of: "merge_requests", at: "approvedBy", ask: "" },
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::Ids("approved_by_ids", "user_id")),
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("user_id", Int64, "Who approved it.", |n| n.id("id")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
        ],
    )
}
