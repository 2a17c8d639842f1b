//! `projects`: every project of a scope, read whole in each sync and written only where it changed.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String, Timestamp};

use super::stream::{ChangedList, Fingerprint, Read, Shape, Stream, field, key};

/// The stream's name.
pub const NAME: &str = "projects";
/// GitLab's GraphQL field that lists them.
pub const LIST: &str = "projects";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "GitLab's projects.",
            cluster_by: &["id"],
            node_type: Some("Project"),
            selection: &[
                "id", "name", "path", "fullPath", "nameWithNamespace", "description", "webUrl", "createdAt",
                "updatedAt", "lastActivityAt", "archived", "visibility", "starCount", "forksCount",
                "openIssuesCount", "mergeRequestsEnabled", "repository { rootRef empty }",
            ],
            read: Read::Changes(ChangedList::Projects),
            fingerprint: Some(Fingerprint { columns: &["full_path"], ask: "" }),
            named_by: Some("project_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id; it stays when the project is renamed or moved.", key),
            field("name", String, "Name.", |n| n.text("name")),
            field("path", String, "Last part of the path.", |n| n.text("path")),
            field("full_path", String, "Path with all groups above.", |n| n.text("fullPath")),
            field("name_with_namespace", String, "Name with all groups above.", |n| n.text("nameWithNamespace")),
            field("description", String, "Description.", |n| n.text("description")),
            field("web_url", String, "Address.", |n| n.text("webUrl")),
            field("default_branch", String, "Default branch; NULL while the repository is empty.", |n| n.text("repository.rootRef")),
            field("visibility", String, "private, internal or public.", |n| n.word("visibility")),
            field("archived", Bool, "Whether the project is read-only.", |n| n.bool("archived")),
            field("empty_repo", Bool, "Whether the repository has no commit.", |n| n.bool("repository.empty")),
            field("merge_requests_enabled", Bool, "Whether merge requests are switched on.", |n| n.bool("mergeRequestsEnabled")),
            field("star_count", Int64, "Stars.", |n| n.int("starCount")),
            field("forks_count", Int64, "Forks.", |n| n.int("forksCount")),
            field("open_issues_count", Int64, "Open issues.", |n| n.int("openIssuesCount")),
            field("created_at", Timestamp, "When it was created.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When its settings changed.", |n| n.time("updatedAt")),
            field("last_activity_at", Timestamp, "When something last happened; GitLab moves it once an hour at most.", |n| n.time("lastActivityAt")),
        ],
    )
}
