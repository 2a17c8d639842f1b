//! `mr_labels`: the labels of merge requests.

use mergemind_shared::warehouse::Kind::{Int64, String};

use super::stream::{Read, Shape, Stream, ToldBy, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_labels",
            description: "Labels that merge requests carry.",
            key: &["merge_request_id", "label_id"],
            cluster_by: &["merge_request_id"],
            read: Read::Within { of: "merge_requests", at: "labels", ask: "" },
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::Ids("label_ids", "label_id")),
            refers: &[("label_id", "labels")],
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("label_id", Int64, "The label.", |n| n.id("id")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
            field("title", String, "The label's title when the merge request was last read.", |n| n.text("title")),
        ],
    )
}
