//! `iterations`: all of a group's; GitLab's Enterprise Edition only.

use mergemind_shared::warehouse::Kind::{Date, Int64, String, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "iterations",
            description: "Iterations.",
            cluster_by: &["group_id"],
            read: Read::Rest(Rest { of: Of::Group, path: "groups/{owner}/iterations", query: "include_ancestors=false", part: None }),
            usual: false,
            parent: Some("group_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the group.", |n| n.int("iid")),
            field("group_id", Int64, "The group.", |n| n.id("_parent.id")),
            field("sequence", Int64, "Number within its cadence.", |n| n.int("sequence")),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description.", |n| n.text("description")),
            field("state", Int64, "1 upcoming, 2 current, 3 closed.", |n| n.int("state")),
            field("start_date", Date, "First day.", |n| n.date("start_date")),
            field("due_date", Date, "Last day.", |n| n.date("due_date")),
            field("web_url", String, "Address.", |n| n.text("web_url")),
            field("created_at", Timestamp, "When it was made.", |n| n.time("created_at")),
            field("updated_at", Timestamp, "When it last changed.", |n| n.time("updated_at")),
        ],
    )
}
