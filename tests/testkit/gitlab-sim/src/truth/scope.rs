//! The rows of one group's tree.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{rows, users};
use crate::data::{World, is_below};

/// The rows of a raw table that belong to the group at `full_path`, to a group below it or to a project in one of them.
/// Users are those whom such rows refer to. `None` if there is no such table.
pub fn rows_in_group(world: &World, table: &str, full_path: &str) -> Option<Vec<Value>> {
    let groups: BTreeSet<u64> = world
        .groups
        .iter()
        .filter(|group| is_below(&group.full_path, full_path))
        .map(|group| group.id)
        .collect();
    let projects: BTreeSet<u64> = world
        .projects
        .iter()
        .filter(|project| is_below(&project.namespace, full_path))
        .map(|project| project.id)
        .collect();
    if table == "users" {
        return Some(users(world, &|project| projects.contains(&project)));
    }
    let among = |ids: &BTreeSet<u64>, id: &Value| id.as_u64().is_some_and(|id| ids.contains(&id));
    let mut found = rows(world, table, None)?;
    found.retain(|row| match (table, row["source_type"].as_str()) {
        ("projects", _) => among(&projects, &row["id"]),
        ("groups", _) => among(&groups, &row["id"]),
        (_, Some("group")) => among(&groups, &row["source_id"]),
        (_, Some(_)) => among(&projects, &row["source_id"]),
        _ => among(&projects, &row["project_id"]) || among(&groups, &row["group_id"]),
    });
    Some(found)
}
