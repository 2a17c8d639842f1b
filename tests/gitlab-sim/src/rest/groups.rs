//! Groups, one and several.

use serde_json::{Value, json};

use super::format::group_url;
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{Group, World};

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let top = call.flag("top_level_only", false);
    groups(call, |group| !top || parent_path(group).is_none())
}

pub fn one(call: &Call<'_>) -> Result<Reply, Reply> {
    Ok(Reply::of(body(call.world(), call.group()?)))
}

/// All groups below, however deep.
pub fn descendants(call: &Call<'_>) -> Result<Reply, Reply> {
    let above = call.group()?;
    groups(call, |group| below(group, above))
}

/// The groups directly below.
pub fn subgroups(call: &Call<'_>) -> Result<Reply, Reply> {
    let above = call.group()?;
    groups(call, |group| parent_path(group) == Some(&above.full_path))
}

/// Whether a group is somewhere below another one.
pub fn below(group: &Group, above: &Group) -> bool {
    let rest = group.full_path.strip_prefix(&above.full_path);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

fn groups(call: &Call<'_>, fits: impl Fn(&Group) -> bool) -> Result<Reply, Reply> {
    let world = call.world();
    let search = call.argument("search").unwrap_or_default().to_lowercase();
    let mut found: Vec<&Group> = world
        .groups
        .iter()
        .filter(|group| fits(group) && group.full_path.contains(&search))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    call.page(found.iter(), Length::Told, |group| body(world, group))
}

fn body(world: &World, group: &Group) -> Value {
    let parent = parent_path(group).and_then(|path| world.group_by_path(path));
    let full_name: Vec<&str> = world
        .groups
        .iter()
        .filter(|other| other.id == group.id || below(group, other))
        .map(|other| other.name.as_str())
        .collect();
    json!({
        "id": group.id, "name": group.name, "path": group.full_path.rsplit('/').next(), "description": "",
        "visibility": "private", "full_name": full_name.join(" / "), "full_path": group.full_path,
        "parent_id": parent.map(|parent| parent.id), "web_url": group_url(group), "archived": false,
        "avatar_url": null,
    })
}

fn parent_path(group: &Group) -> Option<&str> {
    group.full_path.rsplit_once('/').map(|(parent, _)| parent)
}
