//! `group_variables` and `project_variables`: names and flags of CI variables. Their values are never read into
//! a row, nor kept with one that can't be mapped.

use mergemind_shared::warehouse::Kind::{Bool, Int64, String};

use super::stream::{Of, Read, Rest, Shape, Stream, StreamField, field};

/// Those of groups.
pub fn of_groups() -> Stream {
    let owner = field("group_id", Int64, "The group.", |n| n.id("_parent.id"));
    stream(
        Shape {
            name: "group_variables",
            description: "CI variables of groups, without their values.",
            key: &["group_id", "key", "environment_scope"],
            cluster_by: &["group_id"],
            read: Read::Rest(Rest {
                of: Of::Group,
                path: "groups/{owner}/variables",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("group_id"),
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
            name: "project_variables",
            description: "CI variables of projects, without their values.",
            key: &["project_id", "key", "environment_scope"],
            cluster_by: &["project_id"],
            read: Read::Rest(Rest {
                of: Of::Project,
                path: "projects/{owner}/variables",
                query: "",
                part: None,
            }),
            usual: false,
            parent: Some("project_id"),
            ..Shape::default()
        },
        owner,
    )
}

// One line a column, however long: a table is read by its columns.
#[rustfmt::skip]
fn stream(shape: Shape, owner: StreamField) -> Stream {
    Stream::new(
        Shape { hidden: &["value"], ..shape },
        vec![
            owner,
            field("key", String, "Name.", |n| n.text("key")),
            field("environment_scope", String, "The environments it is for; * for all.", |n| n.text_or("environment_scope", "*")),
            field("variable_type", String, "env_var or file.", |n| n.word("variable_type")),
            field("protected", Bool, "Whether only protected branches and tags get it.", |n| n.bool("protected")),
            field("masked", Bool, "Whether logs hide it.", |n| n.bool("masked")),
            field("raw", Bool, "Whether references in it stay as they are.", |n| n.bool("raw")),
            field("description", String, "Description.", |n| n.text("description")),
        ],
    )
}
