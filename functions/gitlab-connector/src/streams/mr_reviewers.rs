//! `mr_reviewers`: who was asked for a review, and what came of it.

use mergemind_shared::warehouse::Kind::{Int64, String};

use super::stream::{Read, Shape, Stream, ToldBy, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_reviewers",
            description: "Users who are asked to review merge requests, and how far each one is.",
            key: &["merge_request_id", "user_id"],
            cluster_by: &["merge_request_id"],
            read: Read::Within { of: "merge_requests", at: "reviewers", ask: "" },
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::Ids("reviewer_ids", "user_id")),
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("user_id", Int64, "The reviewer.", |n| n.id("id")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
            field("review_state", String, "unreviewed, review_started, reviewed, requested_changes, approved or unapproved.", |n| n.word("mergeRequestInteraction.reviewState")),
        ],
    )
}
