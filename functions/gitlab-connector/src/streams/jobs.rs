//! `jobs`: newest first, back to those that were made a week before the last sync: older ones have ended.

use mergemind_shared::warehouse::Kind::{Bool, Float64, Int64, String, Timestamp};

use super::stream::{Of, Part, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "jobs",
            description: "Jobs of CI pipelines.",
            partition_by: Some("created_at"),
            cluster_by: &["project_id", "id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/jobs", query: "pagination=keyset&order_by=id&sort=desc", part: Some(Part::DownTo("created_at", 7)) }),
            usual: false,
            users: &["user_id"],
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("pipeline_id", Int64, "Its pipeline.", |n| n.id("pipeline.id")),
            field("name", String, "Name.", |n| n.text("name")),
            field("stage", String, "Stage.", |n| n.text("stage")),
            field("status", String, "Such as running, success or failed.", |n| n.word("status")),
            field("ref", String, "Branch or tag.", |n| n.text("ref")),
            field("tag", Bool, "Whether that is a tag.", |n| n.bool("tag")),
            field("allow_failure", Bool, "Whether the pipeline passes although it fails.", |n| n.bool("allow_failure")),
            field("failure_reason", String, "Why it failed.", |n| n.text("failure_reason")),
            field("user_id", Int64, "Who started it.", |n| n.id("user.id")),
            field("commit_sha", String, "The commit.", |n| n.text("commit.id")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("created_at")),
            field("started_at", Timestamp, "When it started.", |n| n.time("started_at")),
            field("finished_at", Timestamp, "When it ended.", |n| n.time("finished_at")),
            field("erased_at", Timestamp, "When its log was erased.", |n| n.time("erased_at")),
            field("duration_seconds", Float64, "Run time in seconds.", |n| n.float("duration")),
            field("queued_duration_seconds", Float64, "Waiting time in seconds.", |n| n.float("queued_duration")),
            field("coverage", Float64, "Test coverage in per cent.", |n| n.float("coverage")),
            field("web_url", String, "Address.", |n| n.text("web_url")),
        ],
    )
}
