//! `deployment_merge_requests`: what a deployment brought, read again whenever the deployment was written.

use mergemind_shared::warehouse::Kind::Int64;

use super::stream::{Of, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "deployment_merge_requests",
            description: "Merge requests that deployments brought to their environments first, as GitLab links them by merge commits.",
            key: &["deployment_id", "merge_request_id"],
            cluster_by: &["deployment_id"],
            read: Read::Rest(Rest { of: Of::Row("deployments"), path: "projects/{owner}/deployments/{id}/merge_requests", query: "", part: None }),
            usual: false,
            parent: Some("deployment_id"),
            ..Shape::default()
        },
        vec![
            field("deployment_id", Int64, "The deployment.", |n| n.id("_parent.id")),
            field("merge_request_id", Int64, "The merge request.", |n| n.id("id")),
            field("project_id", Int64, "The deployment's project.", |n| n.id("_parent.projectId")),
        ],
    )
}
