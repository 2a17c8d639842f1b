//! `mr_closes_issues`: which issues a merge request closes, all of a merge request's whenever it was written.

use mergemind_shared::warehouse::Kind::{Int64, String};
use mergemind_shared::warehouse::Value;

use super::stream::{Of, Read, Rest, Shape, Stream, field};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "mr_closes_issues",
            description: "Issues that merge requests close when they are merged, as their descriptions and commits say.",
            key: &["merge_request_id", "reference"],
            cluster_by: &["merge_request_id"],
            read: Read::Rest(Rest { of: Of::Row("merge_requests"), path: "projects/{owner}/merge_requests/{iid}/closes_issues", query: "", part: None }),
            usual: false,
            parent: Some("merge_request_id"),
            ..Shape::default()
        },
        vec![
            field("merge_request_id", Int64, "The merge request.", |n| n.id("_parent.id")),
            // An issue of another tracker has a title and an id that is a text (lib/api/entities/external_issue.rb).
            field("reference", String, "The issue, as in acme/shop#12 or, in another tracker, SHOP-12.", |n| match n.text("references.full")? {
                Value::Null => n.text("id"),
                reference => Ok(reference),
            }),
            field("issue_id", Int64, "GitLab's id of the issue; NULL if it is in another tracker.", |n| match n.text("references.full")? {
                Value::Null => Ok(Value::Null),
                _ => n.id("id"),
            }),
            field("project_id", Int64, "The merge request's project.", |n| n.id("_parent.projectId")),
        ],
    )
}
