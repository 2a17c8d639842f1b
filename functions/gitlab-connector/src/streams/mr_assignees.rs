//! `mr_assignees`: whom a merge request is assigned to.

use mergemind_shared::warehouse::Kind::Int64;

use super::stream::{Read, Shape, Stream, ToldBy, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_assignees",
            description: "Users that merge requests are assigned to.",
            key: &["merge_request_id", "user_id"],
            cluster_by: &["merge_request_id"],
            read: Read::Within { of: "merge_requests", at: "assignees", ask: "" },
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::Ids("assignee_ids", "user_id")),
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("user_id", Int64, "The assignee.", |n| n.id("id")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
        ],
    )
}
