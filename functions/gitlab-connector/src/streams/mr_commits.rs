//! `mr_commits`: the commits of merge requests, read again whenever one was written.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, ToldBy, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_commits",
            description: "Commits of merge requests.",
            key: &["merge_request_id", "sha"],
            cluster_by: &["merge_request_id"],
            read: Read::Rest(Rest { of: Of::Row("merge_requests"), path: "projects/{owner}/merge_requests/{iid}/commits", query: "", part: None }),
            usual: false,
            parent: Some("merge_request_id"),
            told_by: Some(ToldBy::Number("commit_count")),
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            field("sha", String, "The commit.", |n| n.text("id")),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
            field("short_sha", String, "The first characters of it.", |n| n.text("short_id")),
            field("title", String, "First line of the message.", |n| n.text("title")),
            field("author_name", String, "Author's name in Git.", |n| n.text("author_name")),
            field("author_email", String, "Author's address in Git.", |n| n.text("author_email")),
            field("authored_at", Timestamp, "When it was written.", |n| n.time("authored_date")),
            field("committed_at", Timestamp, "When it was committed.", |n| n.time("committed_date")),
        ],
    )
}
