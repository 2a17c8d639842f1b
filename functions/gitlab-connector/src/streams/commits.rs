//! `commits`: those of the default branch, by their time of commit, a month back: rebased ones come late.

use mergemind_shared::warehouse::Kind::{Int64, String, StringArray, Timestamp};

use super::stream::{Of, Part, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "commits",
            description: "Commits of default branches.",
            key: &["project_id", "sha"],
            cluster_by: &["project_id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/repository/commits", query: "with_stats=true", part: Some(Part::Since("since", 30)) }),
            usual: false,
            ..Shape::default()
        },
        vec![
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("sha", String, "The commit.", |n| n.text("id")),
            field("short_sha", String, "The first characters of it.", |n| n.text("short_id")),
            field("title", String, "First line of the message.", |n| n.text("title")),
            field("message", String, "The whole message.", |n| n.text("message")),
            field("author_name", String, "Author's name in Git.", |n| n.text("author_name")),
            field("author_email", String, "Author's address in Git.", |n| n.text("author_email")),
            field("authored_at", Timestamp, "When it was written.", |n| n.time("authored_date")),
            field("committer_name", String, "Committer's name in Git.", |n| n.text("committer_name")),
            field("committer_email", String, "Committer's address in Git.", |n| n.text("committer_email")),
            field("committed_at", Timestamp, "When it was committed.", |n| n.time("committed_date")),
            field("parent_shas", StringArray, "The commits before it.", |n| n.list("parent_ids")),
            field("additions", Int64, "Lines added.", |n| n.int("stats.additions")),
            field("deletions", Int64, "Lines removed.", |n| n.int("stats.deletions")),
            field("web_url", String, "Address.", |n| n.text("web_url")),
        ],
    )
}
