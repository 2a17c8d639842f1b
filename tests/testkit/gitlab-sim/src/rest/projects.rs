//! Projects, one and several.

use serde_json::{Value, json};

use super::format::{project_url, time};
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{Project, World, projects_below};

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    projects(call, call.world().projects.iter().collect())
}

pub fn of_group(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, group) = (call.world(), call.group()?);
    let deep = call.flag("include_subgroups", false);
    projects(call, projects_below(world, &group.full_path, deep, true).collect())
}

pub fn one(call: &Call<'_>) -> Result<Reply, Reply> {
    Ok(Reply::of(body(call.world(), call.project()?)))
}

/// The newest first, unless told otherwise.
fn projects(call: &Call<'_>, mut found: Vec<&Project>) -> Result<Reply, Reply> {
    let world = call.world();
    let by_key = call.is_by_key(&["id"], &["asc", "desc"])?;
    let (after, before) = (id(call, "id_after")?, id(call, "id_before")?);
    let search = call.argument("search").unwrap_or_default().to_lowercase();
    let archived = call.argument("archived").map(|_| call.flag("archived", false));
    let active_after = call.instant("last_activity_after")?;
    found.retain(|row| {
        after.is_none_or(|after| row.id > after)
            && before.is_none_or(|before| row.id < before)
            && archived.is_none_or(|archived| row.archived == archived)
            && active_after.is_none_or(|after| row.last_activity_at >= after)
            && call
                .argument("visibility")
                .is_none_or(|wanted| row.visibility == wanted)
            && (row.name.to_lowercase().contains(&search) || row.path.contains(&search))
    });
    match call.argument("order_by") {
        Some("name") => found.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("path") => found.sort_by(|a, b| a.path.cmp(&b.path)),
        Some("updated_at") => found.sort_by_key(|row| (row.updated_at, row.id)),
        Some("last_activity_at") => found.sort_by_key(|row| (row.last_activity_at, row.id)),
        Some("id") => found.sort_by_key(|row| row.id),
        _ if by_key => found.sort_by_key(|row| row.id),
        _ => found.sort_by_key(|row| (row.created_at, row.id)),
    }
    let ascending = call.argument("sort") == Some("asc");
    if !ascending {
        found.reverse();
    }
    if by_key {
        let name = if ascending { "id_after" } else { "id_before" };
        let key = |row: &&Project| (name, row.id.to_string());
        return call.page_by_key(found.into_iter(), key, Length::Guessed, |row| body(world, row));
    }
    call.page(found.into_iter(), Length::Told, |row| body(world, row))
}

fn id(call: &Call<'_>, name: &str) -> Result<Option<u64>, Reply> {
    let read = |text: &str| {
        text.parse()
            .map_err(|_| Reply::error(400, &format!("{name} is invalid")))
    };
    call.argument(name).map(read).transpose()
}

/// A project as GitLab prints it.
pub fn body(world: &World, row: &Project) -> Value {
    let group = world.group_by_path(&row.namespace);
    json!({
        "id": row.id, "name": row.name, "name_with_namespace": row.name_with_namespace(), "path": row.path,
        "path_with_namespace": row.full_path(), "description": row.description, "default_branch": row.default_branch,
        "visibility": row.visibility, "archived": row.archived, "empty_repo": row.default_branch.is_none(),
        "created_at": time(row.created_at), "updated_at": time(row.updated_at),
        "last_activity_at": time(row.last_activity_at), "star_count": row.star_count, "forks_count": row.forks_count,
        "open_issues_count": row.open_issues_count, "merge_requests_enabled": true, "issues_enabled": true,
        "web_url": project_url(row), "http_url_to_repo": format!("{}.git", project_url(row)), "topics": [],
        "namespace": {
            "id": group.map(|group| group.id), "name": group.map(|group| group.name.as_str()), "kind": "group",
            "full_path": row.namespace, "path": row.namespace.rsplit('/').next(),
        },
    })
}
