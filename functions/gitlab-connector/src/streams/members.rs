//! `group_members` and `project_members`: direct members, all of them.

use mergemind_shared::warehouse::Kind::{Date, Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, StreamField, field};

/// Those of groups.
pub fn of_groups() -> Stream {
    let owner = field("group_id", Int64, "The group.", |n| n.id("_parent.id"));
    stream(
        Shape {
            name: "group_members",
            description: "Direct members of groups.",
            key: &["group_id", "user_id"],
            cluster_by: &["group_id"],
            read: Read::Rest(Rest {
                of: Of::Group,
                path: "groups/{owner}/members",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("group_id"),
            users: &["user_id"],
            ..Shape::default()
        },
        owner,
    )
}

/// Those of projects.
pub fn of_projects() -> Stream {
    let owner = field("project_id", Int64, "The project.", |n| n.id("_parent.id"));
    stream(
        Shape {
            name: "project_members",
            description: "Direct members of projects.",
            key: &["project_id", "user_id"],
            cluster_by: &["project_id"],
            read: Read::Rest(Rest {
                of: Of::Project,
                path: "projects/{owner}/members",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("project_id"),
            users: &["user_id"],
            ..Shape::default()
        },
        owner,
    )
}

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
fn stream(shape: Shape, owner: StreamField) -> Stream {
    Stream::new(
        shape,
        vec![
            owner,
            field("user_id", Int64, "The member.", |n| n.id("id")),
            field("username", String, "The member's user name.", |n| n.text("username")),
            field("name", String, "The member's full name.", |n| n.text("name")),
            field("state", String, "State of the account, such as active.", |n| n.word("state")),
            field("access_level", Int64, "10 guest, 15 planner, 20 reporter, 30 developer, 40 maintainer, 50 owner.", |n| n.int("access_level")),
            field("membership_state", String, "active, or awaiting while an owner has not agreed.", |n| n.word("membership_state")),
            field("created_at", Timestamp, "Since when.", |n| n.time("created_at")),
            field("expires_at", Date, "Until when.", |n| n.date("expires_at")),
        ],
    )
}
