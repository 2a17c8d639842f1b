//! `epics`: all of a group's; GitLab's Enterprise Edition only.

use mergemind_shared::warehouse::Kind::{Date, Int64, String, StringArray, Timestamp};

use super::stream::{Of, Read, Rest, Shape, Stream, field, key};

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
pub fn stream() -> Stream {
    Stream::new(
        Shape {
            name: "epics",
            description: "Epics.",
            cluster_by: &["group_id"],
            read: Read::Rest(Rest { of: Of::Group, path: "groups/{owner}/epics", query: "include_descendant_groups=false", part: None }),
            usual: false,
            parent: Some("group_id"),
            users: &["author_id"],
            named_by: Some("epic_id"),
            ..Shape::default()
        },
        vec![
            field("id", Int64, "GitLab's id.", key),
            field("iid", Int64, "Number within the group.", |n| n.int("iid")),
            field("group_id", Int64, "The group.", |n| n.id("_parent.id")),
            field("title", String, "Title.", |n| n.text("title")),
            field("description", String, "Description, in Markdown.", |n| n.text("description")),
            field("state", String, "opened or closed.", |n| n.word("state")),
            field("author_id", Int64, "Who opened it.", |n| n.id("author.id")),
            field("parent_id", Int64, "The epic above.", |n| n.id("parent_id")),
            field("labels", StringArray, "Titles of its labels, sorted.", |n| n.sorted_list("labels")),
            field("start_date", Date, "First day.", |n| n.date("start_date")),
            field("due_date", Date, "Last day.", |n| n.date("due_date")),
            field("web_url", String, "Address.", |n| n.text("web_url")),
            field("upvotes", Int64, "Thumbs up.", |n| n.int("upvotes")),
            field("downvotes", Int64, "Thumbs down.", |n| n.int("downvotes")),
            field("created_at", Timestamp, "When it was opened.", |n| n.time("created_at")),
            field("updated_at", Timestamp, "When it last changed.", |n| n.time("updated_at")),
            field("closed_at", Timestamp, "When it was closed.", |n| n.time("closed_at")),
        ],
    )
}
