//! `mr_diff_files`: the files that merge requests touch, asked for with the merge requests themselves.

use mergemind_shared::warehouse::Kind::{Int64, String};

use super::stream::{Read, Shape, Stream, ToldBy, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_diff_files",
            description: "Files that merge requests change.",
            key: &["merge_request_id", "path"],
            cluster_by: &["merge_request_id"],
            read: Read::Within { of: "merge_requests", at: "diffStats", ask: "diffStats { path additions deletions }" },
            usual: false,
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::Number("changed_files")),
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("path", String, "The file's path.", |n| n.text("path")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
            field("additions", Int64, "Lines added.", |n| n.int("additions")),
            field("deletions", Int64, "Lines removed.", |n| n.int("deletions")),
        ],
    )
}
