//! Changes beside merge requests that show in their rows, or in those of users.

use super::Done;
use super::scene::Scene;
use crate::data::State;

/// Somebody's name; and, if the change has one, the user name, by which notes call people.
pub fn rename_user(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.somebody_but(&[])?;
    let username = scene.change.name.clone();
    let user = scene.world.users.get_mut(id).expect("picked just now");
    let old = std::mem::take(&mut user.name);
    user.name = format!("{old} II");
    let description = format!("{old} is now called {}", user.name);
    if let Some(username) = username {
        user.username = username;
    }
    scene.moved.users.insert(id);
    Ok(Done::beside_rows(description))
}

/// Approval rules belong to the project, so its merge requests do not notice.
pub fn approval_rules(scene: &mut Scene<'_>) -> Result<Done, String> {
    if !scene.world.enterprise {
        return Err("the Community Edition has no approval rules".to_owned());
    }
    let named = scene.named_project()?;
    let chosen: Vec<u64> = scene
        .world
        .projects
        .iter()
        .filter(|project| !project.archived && named.is_none_or(|named| named == project.id))
        .map(|project| project.id)
        .collect();
    if chosen.is_empty() {
        return Err("approval rules need a project that is not archived: there is none".to_owned());
    }
    let id = *scene.random.pick(&chosen);
    let project = scene.world.projects.get_mut(id).expect("picked just now");
    let required = (project.approvals_required + 1) % 3;
    project.approvals_required = required;
    let path = project.full_path();
    let open: Vec<(u64, bool)> = scene
        .world
        .merge_requests
        .iter()
        .filter(|row| row.project == id && row.state == State::Opened && row.approvals_required != required)
        .map(|row| (row.id, row.hidden))
        .collect();
    for (row, hidden) in open {
        scene.world.save_quietly(row, |row| row.approvals_required = required);
        if !hidden {
            scene.moved.merge_requests.insert(row);
        }
    }
    Ok(Done::beside_rows(format!("{path} now requires {required} approvals")))
}
