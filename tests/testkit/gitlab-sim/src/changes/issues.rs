//! Issues come, are talked about, end and vanish.

use super::scene::{RECENT, Scene};
use super::{About, Done, Named};
use crate::data::{Issue, Note, Noteable, Project, Text, system_notes, words};
use crate::generate::newly_opened_issue;

pub fn open(scene: &mut Scene<'_>) -> Result<Done, String> {
    let project = scene.pick_project("an issue", |project| !project.archived)?;
    let author = scene.somebody_but(&[])?;
    let made = newly_opened_issue(scene.world, &mut scene.random, project, scene.at);
    let id = scene.world.add_issue(project, |id, iid| Issue {
        id,
        iid,
        author,
        ..made
    });
    // The project counts its open issues.
    scene.moved.projects.insert(project);
    scene.moved.issues.insert(id);
    scene.record_activity_in(project);
    done(scene, id, "was opened", Some(author))
}

pub fn edit(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = pick(scene, "an open issue", |row| !row.closed)?;
    let old = issue(scene, id)?.title.read().into_owned();
    let author = issue(scene, id)?.author;
    let title = loop {
        let title = words::title(&mut scene.random);
        if title != old {
            break title;
        }
    };
    let at = scene.at;
    scene
        .world
        .save_issue(id, at, |row| row.title = Text::plain(title.as_str()));
    scene.moved.issues.insert(id);
    note(
        scene,
        id,
        Note {
            author: Some(author),
            icon: Some("pencil-square"),
            body: Text::plain(system_notes::changed_title(&old, &title)),
            ..system_notes::blank(Noteable::Issue(id), at)
        },
    );
    done(scene, id, "got a new title", Some(author))
}

pub fn close(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = pick(scene, "an open issue", |row| !row.closed)?;
    let (author, project, at) = (issue(scene, id)?.author, issue(scene, id)?.project, scene.at);
    scene.world.save_issue(id, at, |row| {
        row.closed = true;
        row.closed_at = Some(at);
    });
    scene.moved.issues.insert(id);
    scene.moved.projects.insert(project);
    scene.record_activity_in(project);
    done(scene, id, "was closed", Some(author))
}

pub fn comment(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = pick(scene, "an issue", |_| true)?;
    let (author, at) = (scene.somebody_but(&[])?, scene.at);
    let body = Text::Comment(scene.random.draw() as u32);
    note(
        scene,
        id,
        Note {
            author: Some(author),
            body,
            ..system_notes::blank(Noteable::Issue(id), at)
        },
    );
    let project = issue(scene, id)?.project;
    scene.record_activity_in(project);
    done(scene, id, "was commented on", Some(author))
}

pub fn delete(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = pick(scene, "an issue", |_| true)?;
    let told = done(scene, id, "was deleted", None)?;
    if let Some(row) = scene.world.remove_issue(id)
        && !row.closed
    {
        scene.moved.projects.insert(row.project);
    }
    scene.moved.issues.insert(id);
    Ok(told)
}

/// Adds a note, which touches the issue.
fn note(scene: &mut Scene<'_>, id: u64, note: Note) {
    let before = issue(scene, id).map(|row| (row.updated_at, row.user_notes));
    scene.world.add_note(|note_id| Note { id: note_id, ..note });
    scene.world.touch_issue(id, scene.at);
    if issue(scene, id).map(|row| (row.updated_at, row.user_notes)) != before {
        scene.moved.issues.insert(id);
    }
}

/// The issue that the change names, or one of the newest that fit.
fn pick(scene: &mut Scene<'_>, wanted: &str, fits: impl Fn(&Issue) -> bool) -> Result<u64, String> {
    let project = scene.named_project()?;
    let world = &*scene.world;
    let archived = |id| world.projects.get(id).is_none_or(|project| project.archived);
    let fitting: Vec<u64> = world
        .issues
        .iter()
        .rev()
        .filter(|row| project.is_none_or(|project| row.project == project))
        .filter(|row| scene.change.iid.is_none_or(|iid| row.iid == iid))
        .filter(|row| !archived(row.project) && fits(row))
        .map(|row| row.id)
        .take(RECENT)
        .collect();
    if fitting.is_empty() {
        return Err(format!("this change needs {wanted}: there is none{}", scene.scope('#')));
    }
    Ok(*scene.random.pick(&fitting))
}

fn issue<'a>(scene: &'a Scene<'_>, id: u64) -> Result<&'a Issue, String> {
    let row = scene.world.issues.get(id);
    row.ok_or_else(|| format!("the issue with the id {id} is gone"))
}

fn done(scene: &Scene<'_>, id: u64, what: &str, by: Option<u64>) -> Result<Done, String> {
    let row = issue(scene, id)?;
    let home = scene.world.projects.get(row.project);
    let project = home.map(Project::full_path).unwrap_or_default();
    let who = scene.by(by);
    Ok(Done {
        description: format!("{project}#{} \"{}\" {what}{who}", row.iid, row.title.read()),
        about: About::Issue(Named {
            id,
            project,
            iid: row.iid,
        }),
        by,
    })
}
