//! `mr_details`: of merge requests what GraphQL does not tell, from the REST API's own list, a hundred in a request.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Part, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_details",
            description: "What only GitLab's REST API tells of merge requests.",
            version: Some("updated_at"),
            cluster_by: &["project_id", "merge_request_id"],
            key: &["merge_request_id"],
            // By time of creation the list only grows at its end while it is read: none is passed over.
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/merge_requests", query: "order_by=created_at&sort=asc", part: Some(Part::Since("updated_after", 1)) }),
            usual: false,
            users: &["closed_by_id"],
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", key),
            field("project_id", Int64, "Its project.", |n| n.id("_parent.id")),
            field("squash_commit_sha", String, "The one commit that its commits became; NULL if they were not squashed.", |n| n.text("squash_commit_sha")),
            field("closed_by_id", Int64, "Who closed it; NULL unless it is closed.", |n| n.id("closed_by.id")),
            field("updated_at", Timestamp, "When the merge request last changed.", |n| n.time("updated_at")),
        ],
    )
}
