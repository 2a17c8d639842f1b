//! Groups, one and several.

use serde_json::{Value, json};

use super::format::group_url;
use super::page::Length;
use super::projects;
use super::request::{Call, Reply};
use crate::data::{Group, World, is_below, projects_below};

/// GitLab names so many of a group's own projects with the group.
const MOST_PROJECTS: usize = 100;

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let top = call.flag("top_level_only", false);
    groups(call, |group| !top || group.parent.is_none())
}

/// A group with its own projects.
pub fn one(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, group) = (call.world(), call.group()?);
    let mut whole = body(world, group);
    if call.flag("with_projects", true) {
        let projects = projects_below(world, &group.full_path, false, true).take(MOST_PROJECTS);
        whole["projects"] = projects.map(|project| projects::body(world, project)).collect();
    }
    Ok(Reply::of(whole))
}

/// All groups below, however deep.
pub fn descendants(call: &Call<'_>) -> Result<Reply, Reply> {
    let above = call.group()?;
    groups(call, |group| below(group, above))
}

/// The groups directly below.
pub fn subgroups(call: &Call<'_>) -> Result<Reply, Reply> {
    let above = call.group()?;
    groups(call, |group| group.parent == Some(above.id))
}

/// Whether a group is somewhere below another one.
pub fn below(group: &Group, above: &Group) -> bool {
    group.id != above.id && is_below(&group.full_path, &above.full_path)
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
    json!({
        "id": group.id, "name": group.name, "path": group.path(), "description": group.description,
        "visibility": group.visibility, "full_name": world.namespace_name(&group.full_path),
        "full_path": group.full_path, "parent_id": group.parent, "web_url": group_url(group), "archived": false,
        "avatar_url": null,
    })
}
