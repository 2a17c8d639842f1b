//! Projects and groups come, move and go. Every address below them changes with them, and only the project's own
//! `updated_at` moves.

use super::scene::Scene;
use super::{About, Done};
use crate::data::{Group, Project, World, is_below};
use crate::generate::blank_project;

/// Where projects go that leave the first group's tree.
const ELSEWHERE: (&str, &str) = ("elsewhere", "Elsewhere");

pub fn create(scene: &mut Scene<'_>) -> Result<Done, String> {
    let group = scene.pick_group(|_| true)?;
    let world = &mut *scene.world;
    let namespace = world.groups.get(group).expect("picked just now").full_path.clone();
    let name = scene.change.name.clone();
    let name = name.unwrap_or_else(|| format!("Project {}", world.changes));
    free(world, &namespace, &slug(&name))?;
    let namespace_name = world.namespace_name(&namespace);
    let at = scene.at;
    let id = world.add_project(|id| Project {
        default_branch: Some("main".to_owned()),
        ..blank_project(id, &name, &namespace, namespace_name, at)
    });
    scene.moved.projects.insert(id);
    Ok(done(scene, id, "was created"))
}

pub fn rename(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick_project("this change", |project| !project.archived)?;
    let project = scene.world.projects.get(id).expect("picked just now");
    let name = scene.change.name.clone();
    let name = name.unwrap_or_else(|| format!("{} {}", project.name, scene.world.changes));
    let (path, at) = (slug(&name), scene.at);
    free(scene.world, &project.namespace, &path)?;
    let before = project.full_path();
    scene.sweep(|world| {
        world.move_project(id, |row| {
            row.name = name;
            row.path = path;
            row.updated_at = at;
        });
    });
    Ok(done(scene, id, &format!("was called {before} before")))
}

/// Moves a project to another group of the same tree.
pub fn transfer(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick_project("this change", |project| !project.archived)?;
    let home = scene.world.projects.get(id).expect("picked just now").namespace.clone();
    let root = top(&home).to_owned();
    let to = scene.pick_group(|group| group.full_path != home && is_below(&group.full_path, &root))?;
    move_to(scene, id, to)
}

/// Moves a project out of the first group's tree: to a client that reads that tree it is gone, but it is not deleted.
pub fn transfer_out(scene: &mut Scene<'_>) -> Result<Done, String> {
    let root = first_root(scene.world)?;
    let inside = |project: &Project| !project.archived && is_below(&project.namespace, &root);
    let id = scene.pick_project("this change", inside)?;
    let named = scene.change.group.is_some();
    let outside = |group: &Group| !is_below(&group.full_path, &root);
    let to = match scene.pick_group(outside) {
        Ok(group) => group,
        Err(problem) if named => return Err(problem),
        Err(_) => {
            let (path, name) = ELSEWHERE;
            let group = scene.world.groups.add(|id| Group {
                id,
                name: name.to_owned(),
                full_path: path.to_owned(),
                description: None,
                visibility: "private",
                parent: None,
            });
            scene.moved.groups.insert(group);
            group
        }
    };
    move_to(scene, id, to)
}

/// Moves a project into the first group's tree, with all its old rows and their old `updated_at`.
pub fn transfer_in(scene: &mut Scene<'_>) -> Result<Done, String> {
    let root = first_root(scene.world)?;
    let outside = |project: &Project| !project.archived && !is_below(&project.namespace, &root);
    let id = scene.pick_project("a transfer from outside", outside)?;
    let to = scene.pick_group(|group| is_below(&group.full_path, &root))?;
    move_to(scene, id, to)
}

/// Deletes the project that the change names, or the newest.
pub fn delete(scene: &mut Scene<'_>) -> Result<Done, String> {
    let newest = scene.world.projects.iter().next_back().map(|project| project.id);
    let id = match scene.named_project()? {
        Some(named) => named,
        None => newest.ok_or("there is no project")?,
    };
    let path = scene.world.projects.get(id).map(Project::full_path).unwrap_or_default();
    scene.sweep(|world| {
        world.remove_project(id);
    });
    Ok(Done {
        description: format!("{path} was deleted with everything in it"),
        about: About::Project(id),
        by: None,
    })
}

/// Renames the group that the change names, or some group below another one.
pub fn rename_group(scene: &mut Scene<'_>) -> Result<Done, String> {
    let named = scene.change.group.is_some();
    let id = scene.pick_group(|group| named || group.parent.is_some())?;
    let group = scene.world.groups.get(id).expect("picked just now");
    let before = group.full_path.clone();
    let name = scene.change.name.clone();
    let name = name.unwrap_or_else(|| format!("{} {}", group.name, scene.world.changes));
    let path = slug(&name);
    let parent = before.rsplit_once('/').map_or("", |(parent, _)| parent);
    free(scene.world, parent, &path)?;
    scene.sweep(|world| world.rename_group(id, &name, &path));
    let after = scene.world.groups.get(id).map(|group| group.full_path.as_str());
    Ok(Done::beside_rows(format!(
        "the group {before} is now called {}",
        after.unwrap_or_default()
    )))
}

fn move_to(scene: &mut Scene<'_>, id: u64, group: u64) -> Result<Done, String> {
    let project = scene.world.projects.get(id).expect("picked just now");
    let (path, before) = (project.path.clone(), project.full_path());
    let to = scene
        .world
        .groups
        .get(group)
        .expect("picked just now")
        .full_path
        .clone();
    if project.namespace == to {
        return Err(format!("{before} is in {to} already"));
    }
    free(scene.world, &to, &path)?;
    let at = scene.at;
    scene.sweep(|world| world.transfer_project(id, &to, at));
    Ok(done(scene, id, &format!("was {before} before it was transferred")))
}

fn first_root(world: &World) -> Result<String, String> {
    let first = world.groups.iter().next();
    let path = first.map(|group| top(&group.full_path).to_owned());
    path.ok_or_else(|| "there is no group".to_owned())
}

fn top(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// Refuses a path that is taken, as GitLab does.
fn free(world: &World, parent: &str, path: &str) -> Result<(), String> {
    let full = if parent.is_empty() {
        path.to_owned()
    } else {
        format!("{parent}/{path}")
    };
    if world.project_by_path(&full).is_some() || world.group_by_path(&full).is_some() {
        return Err(format!("{full} exists already"));
    }
    Ok(())
}

fn slug(name: &str) -> String {
    let letters = name.to_lowercase();
    let letters = letters.chars().map(|c| if c.is_alphanumeric() { c } else { '-' });
    let slug: String = letters.collect();
    slug.trim_matches('-').to_owned()
}

fn done(scene: &Scene<'_>, id: u64, what: &str) -> Done {
    let path = scene.world.projects.get(id).map(Project::full_path).unwrap_or_default();
    Done {
        description: format!("{path} {what}"),
        about: About::Project(id),
        by: None,
    }
}
