//! Labels and milestones. What carries them shows it at once, and none of its `updated_at` moves.

use super::Done;
use super::scene::Scene;
use crate::data::{Label, LabelStep, Milestone, Owner, Project};
use crate::instant::DAY;

pub fn create_label(scene: &mut Scene<'_>) -> Result<Done, String> {
    let (owner, place) = owner(scene)?;
    let title = scene
        .change
        .name
        .clone()
        .unwrap_or_else(|| format!("label {}", scene.world.changes));
    let at = scene.at;
    let id = scene.world.labels.add(|id| Label {
        id,
        owner,
        title: title.clone(),
        color: "#6699cc",
        description: None,
        created_at: at,
        updated_at: at,
    });
    scene.moved.labels.insert(id);
    Ok(Done::beside_rows(format!("{place} has a new label \"{title}\"")))
}

pub fn rename_label(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = some_label(scene)?;
    let at = scene.at;
    let mut told = String::new();
    scene.sweep(|world| {
        if let Some(label) = world.labels.get_mut(id) {
            let title = format!("{} ✔", label.title);
            told = format!("the label \"{}\" is now called \"{title}\"", label.title);
            label.title = title;
            label.updated_at = at;
        }
    });
    Ok(Done::beside_rows(told))
}

pub fn delete_label(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = some_label(scene)?;
    let at = scene.at;
    let mut told = String::new();
    scene.sweep(|world| {
        let carrying = world.merge_requests.iter().filter(|row| row.labels.contains(&id));
        for row in carrying.map(|row| row.id).collect::<Vec<_>>() {
            world.note_label(row, id, LabelStep::Deleted, at);
        }
        for row in world.merge_requests.iter_mut() {
            row.labels.retain(|label| *label != id);
        }
        for row in world.issues.iter_mut() {
            row.labels.retain(|label| *label != id);
        }
        if let Some(label) = world.labels.remove(id) {
            told = format!("the label \"{}\" was deleted", label.title);
        }
    });
    Ok(Done::beside_rows(told))
}

pub fn create_milestone(scene: &mut Scene<'_>) -> Result<Done, String> {
    let (owner, place) = owner(scene)?;
    let title = scene
        .change
        .name
        .clone()
        .unwrap_or_else(|| format!("Milestone {}", scene.world.changes));
    let at = scene.at;
    let today = at.div_euclid(DAY) * DAY;
    let milestone = Milestone {
        start_date: Some(today),
        due_date: Some(today + 30 * DAY),
        ..scene.world.blank_milestone(owner, &title, at)
    };
    let id = scene.world.milestones.add(|id| Milestone { id, ..milestone });
    scene.moved.milestones.insert(id);
    Ok(Done::beside_rows(format!("{place} has a new milestone \"{title}\"")))
}

pub fn close_milestone(scene: &mut Scene<'_>) -> Result<Done, String> {
    let name = scene.change.name.as_deref();
    let rows = scene.world.milestones.iter().filter(|row| row.active);
    let open: Vec<u64> = rows
        .filter(|row| name.is_none_or(|name| name == row.title))
        .map(|row| row.id)
        .collect();
    if open.is_empty() {
        return Err("this change needs an active milestone: there is none".to_owned());
    }
    let (id, at) = (*scene.random.pick(&open), scene.at);
    let row = scene.world.milestones.get_mut(id).expect("picked just now");
    row.active = false;
    row.updated_at = at;
    let told = format!("the milestone \"{}\" was closed", row.title);
    scene.moved.milestones.insert(id);
    Ok(Done::beside_rows(told))
}

/// The project or else the group that the change names; without a name some group.
fn owner(scene: &mut Scene<'_>) -> Result<(Owner, String), String> {
    if let Some(project) = scene.named_project()? {
        let path = scene.world.projects.get(project).map(Project::full_path);
        return Ok((Owner::Project(project), path.unwrap_or_default()));
    }
    let group = scene.pick_group(|_| true)?;
    let path = scene.world.groups.get(group).map(|group| group.full_path.clone());
    Ok((Owner::Group(group), path.unwrap_or_default()))
}

/// The label with the title that the change names, or some label.
fn some_label(scene: &mut Scene<'_>) -> Result<u64, String> {
    let name = scene.change.name.as_deref();
    let labels: Vec<u64> = scene
        .world
        .labels
        .iter()
        .filter(|label| name.is_none_or(|name| name == label.title))
        .map(|label| label.id)
        .collect();
    if labels.is_empty() {
        return Err("this change needs a label: there is none".to_owned());
    }
    Ok(*scene.random.pick(&labels))
}
