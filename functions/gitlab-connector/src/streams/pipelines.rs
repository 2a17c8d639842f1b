//! `pipelines`: read by time of update, together with the projects they belong to.

use mergemind_shared::warehouse::Kind::{Float64, Int64, String, Timestamp};
use mergemind_shared::warehouse::Value;

use super::stream::{ChangedList, Fingerprint, Read, Shape, Stream, field, key};

/// The stream's name.
pub const NAME: &str = "pipelines";
/// GitLab's GraphQL field that lists them.
pub const LIST: &str = "pipelines";

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: NAME,
            description: "GitLab's CI pipelines.",
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["project_id", "id"],
            node_type: Some("Pipeline"),
            selection: &[
                "id", "iid", "ref", "sha", "source", "status", "user { id }", "createdAt", "updatedAt", "startedAt",
                "finishedAt", "committedAt", "duration", "queuedDuration", "coverage",
            ],
            users: &["user_id"],
            read: Read::Changes(ChangedList::Projects),
            fingerprint: Some(Fingerprint { columns: &["updated_at", "status"], ask: "status" }),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the project.", |n| n.int("iid")),
            field("project_id", Int64, "The project it ran in.", |n| n.id("_parent.id")),
            field("ref", String, "Branch or tag, or refs/merge-requests/<iid>/head, merge or train.", |n| n.text("ref")),
            field("sha", String, "Commit.", |n| n.text("sha")),
            field("source", String, "What started it, such as push, schedule or merge_request_event.", |n| n.word("source")),
            field("status", String, "Such as running, success, failed or canceled.", |n| n.word("status")),
            field("user_id", Int64, "Who started it.", |n| n.id("user.id")),
            field(
                "merge_request_iid",
                Int64,
                "The merge request of a merge request pipeline, by its number in the project.",
                |n| {
                    Ok(match n.text("ref")? {
                        Value::Text(git_ref) => merge_request_iid(&git_ref).map_or(Value::Null, Value::Int),
                        _ => Value::Null,
                    })
                },
            ),
            field("created_at", Timestamp, "When it was created.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When its status last changed.", |n| n.time("updatedAt")),
            field("started_at", Timestamp, "When its first job started.", |n| n.time("startedAt")),
            field("finished_at", Timestamp, "When its last job ended.", |n| n.time("finishedAt")),
            field("committed_at", Timestamp, "When its commit was made.", |n| n.time("committedAt")),
            field("duration_seconds", Int64, "Run time in seconds, waiting left out.", |n| n.int("duration")),
            field("queued_duration_seconds", Float64, "Waiting time before the first job in seconds.", |n| n.float("queuedDuration")),
            field("coverage", Float64, "Test coverage in per cent.", |n| n.float("coverage")),
        ],
    )
}

/// The number in `refs/merge-requests/<iid>/head`.
pub fn merge_request_iid(git_ref: &str) -> Option<i64> {
    git_ref
        .strip_prefix("refs/merge-requests/")?
        .split('/')
        .next()?
        .parse()
        .ok()
}
