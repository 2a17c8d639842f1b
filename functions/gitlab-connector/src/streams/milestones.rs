//! `milestones`: read whole from time to time, and when a row refers to one that is not known yet.

use mergemind_shared::warehouse::Kind::{Date, Int64, String, Timestamp};

use super::stream::{OwnedList, Read, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "milestones",
            description: "Milestones of groups and of projects.",
            cluster_by: &["id"],
            node_type: Some("Milestone"),
            selection: &[
                "id", "iid", "title", "description", "state", "startDate", "dueDate", "webPath", "createdAt", "updatedAt",
            ],
            read: Read::Owned(OwnedList { list: "milestones", of_group: &[], with_ancestors: &["includeAncestors"] }),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the group or project.", |n| n.int("iid")),
            field("group_id", Int64, "The group it belongs to; NULL for a project's milestone.", |n| n.id("_groupId")),
            field("project_id", Int64, "The project it belongs to; NULL for a group's milestone.", |n| n.id("_projectId")),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description, in Markdown.", |n| n.text("description")),
            field("state", String, "active or closed.", |n| n.word("state")),
            field("start_date", Date, "First day.", |n| n.date("startDate")),
            field("due_date", Date, "Last day.", |n| n.date("dueDate")),
            field("web_url", String, "Address.", |n| n.text("_webUrl")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("createdAt")),
            field("updated_at", Timestamp, "When it was last changed.", |n| n.time("updatedAt")),
        ],
    )
}
