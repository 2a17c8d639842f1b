//! `deployments`: by time of update.

use mergemind_shared::warehouse::Kind::{Int64, String, Timestamp};

use super::stream::{Of, Part, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "deployments",
            description: "Deployments to environments.",
            version: Some("updated_at"),
            cluster_by: &["project_id", "id"],
            read: Read::Rest(Rest { of: Of::Project, path: "projects/{owner}/deployments", query: "order_by=updated_at&sort=asc", part: Some(Part::Since("updated_after", 1)) }),
            usual: false,
            users: &["user_id"],
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the project.", |n| n.int("iid")),
            field("project_id", Int64, "The project.", |n| n.id("_parent.id")),
            field("environment_id", Int64, "The environment.", |n| n.id("environment.id")),
            field("environment_name", String, "Its name.", |n| n.text("environment.name")),
            field("status", String, "Such as running, success or failed.", |n| n.word("status")),
            field("ref", String, "Branch or tag.", |n| n.text("ref")),
            field("sha", String, "Commit.", |n| n.text("sha")),
            field("user_id", Int64, "Who deployed.", |n| n.id("user.id")),
            field("job_id", Int64, "The job that did it.", |n| n.id("deployable.id")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("created_at")),
            field("updated_at", Timestamp, "When it last changed.", |n| n.time("updated_at")),
            // GitLab's REST API has no other end of a deployment (lib/api/entities/deployment.rb).
            field("finished_at", Timestamp, "When the job that did it ended; NULL if that runs yet, is gone, or another tool deployed.", |n| n.time("deployable.finished_at")),
        ],
    )
}
