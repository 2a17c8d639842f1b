//! Issue boards of groups and projects.

use serde_json::{Value, json};

use super::format::{group_url, project_url};
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{Group, Project, World};

struct Board {
    id: u64,
    name: &'static str,
}

pub fn of_group(call: &Call<'_>) -> Result<Reply, Reply> {
    let group = call.group()?;
    let owner = json!({"id": group.id, "name": group.name, "web_url": group_url(group)});
    list(call, &in_group(call.world(), group), ("group", &owner))
}

pub fn of_project(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project()?;
    let owner = json!({
        "id": project.id, "name": project.name, "path": project.path, "path_with_namespace": project.full_path(),
        "web_url": project_url(project),
    });
    list(call, &in_project(project), ("project", &owner))
}

/// Rows of `issue_boards` that belong to a group.
pub fn group_rows(world: &World, group: &Group) -> Vec<Value> {
    let boards = in_group(world, group);
    boards
        .iter()
        .map(|board| json!({"id": board.id, "group_id": group.id, "project_id": null, "name": board.name}))
        .collect()
}

/// Rows of `issue_boards` that belong to a project.
pub fn project_rows(project: &Project) -> Vec<Value> {
    let boards = in_project(project);
    boards
        .iter()
        .map(|board| json!({"id": board.id, "group_id": null, "project_id": project.id, "name": board.name}))
        .collect()
}

fn list(call: &Call<'_>, boards: &[Board], (kind, owner): (&str, &Value)) -> Result<Reply, Reply> {
    call.page(boards.iter(), Length::Told, |board| {
        json!({
            "id": board.id, "name": board.name, "hide_backlog_list": false, "hide_closed_list": false, kind: owner,
            "lists": [{"id": board.id * 10, "label": null, "position": 0}], "milestone": null, "labels": [],
            "assignee": null, "weight": null,
        })
    })
}

/// Only the Enterprise Edition has more than one board in a group.
fn in_group(world: &World, group: &Group) -> Vec<Board> {
    let names: &[&'static str] = if world.enterprise {
        &["Development", "Risks & \"Blockers\""]
    } else {
        &["Development"]
    };
    let board = |(index, name): (usize, &&'static str)| Board {
        id: 40_000 + group.id * 10 + index as u64,
        name,
    };
    names.iter().enumerate().map(board).collect()
}

fn in_project(project: &Project) -> Vec<Board> {
    vec![Board {
        id: 60_000 + project.id,
        name: "Team",
    }]
}
