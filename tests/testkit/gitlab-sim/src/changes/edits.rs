//! Titles, labels and commits.

use super::Done;
use super::pipelines::started;
use super::scene::{Scene, is_open};
use crate::data::{Head, LabelStep, Owner, Text, system_notes, words};
use crate::generate::{labels_for, sha};

const DRAFT: &str = "Draft: ";

pub fn title(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let author = retitle(scene, id);
    Ok(scene.done(id, "got a new title", author))
}

/// Two merge requests get a new title at the same instant.
pub fn tie(scene: &mut Scene<'_>) -> Result<Done, String> {
    let first = scene.pick("an open merge request", is_open)?;
    let others = scene.world.merge_requests.iter().rev();
    let second = others
        .filter(|row| row.id != first && !row.hidden && is_open(scene.world, row))
        .find(|row| !scene.world.project_of(row).archived)
        .map(|row| row.id)
        .ok_or("a tie needs two open merge requests: there are none")?;
    retitle(scene, second);
    let author = retitle(scene, first);
    Ok(scene.done(
        first,
        "got a new title, and so did another one in the same instant",
        author,
    ))
}

/// Gives it another title; tells who did it.
fn retitle(scene: &mut Scene<'_>, id: u64) -> Option<u64> {
    let row = scene.row(id);
    let (author, draft, old) = (row.author, row.draft, row.title.read().into_owned());
    let title = loop {
        let words = words::title(&mut scene.random);
        let title = if draft { format!("{DRAFT}{words}") } else { words };
        if title != old {
            break title;
        }
    };
    scene.save(id, |row| row.title = Text::plain(title.as_str()));
    scene.system_note(id, author, "pencil-square", system_notes::changed_title(&old, &title));
    author
}

pub fn toggle_draft(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let row = scene.row(id);
    let (author, draft, old) = (row.author, !row.draft, row.title.read().into_owned());
    let bare = old.strip_prefix(DRAFT).unwrap_or(&old);
    let title = if draft {
        format!("{DRAFT}{bare}")
    } else {
        bare.to_owned()
    };
    scene.save(id, |row| {
        row.draft = draft;
        row.title = Text::plain(title);
    });
    let (body, what) = if draft {
        (system_notes::DRAFT, "was made a draft")
    } else {
        (system_notes::READY, "was marked as ready")
    };
    scene.system_note(id, author, "pencil-square", body);
    Ok(scene.done(id, what, author))
}

/// Labels leave no note, only GitLab's resource events.
pub fn set_labels(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let label = some_label(scene, id)?;
    toggle(scene, id, label);
    Ok(scene.done(id, "got other labels", None))
}

/// Takes one label off.
pub fn unlabel(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request with a label", |world, row| {
        is_open(world, row) && !row.labels.is_empty()
    })?;
    let label = *scene
        .random
        .pick(&scene.world.merge_requests.get(id).expect("picked just now").labels);
    toggle(scene, id, label);
    Ok(scene.done(id, "lost a label", None))
}

pub fn bulk(scene: &mut Scene<'_>) -> Result<Done, String> {
    let project = scene.named_project()?;
    let world = &*scene.world;
    // One that can be put on anything: the first group is above them all.
    let top = world.groups.iter().next().map(|group| Owner::Group(group.id));
    let labels: Vec<u64> = world
        .labels
        .iter()
        .filter(|label| Some(label.owner) == top)
        .map(|label| label.id)
        .collect();
    if labels.is_empty() {
        return Err("a bulk edit needs labels: there are none".to_owned());
    }
    let label = *scene.random.pick(&labels);
    let world = &*scene.world;
    let chosen: Vec<u64> = world
        .merge_requests
        .iter()
        .rev()
        .filter(|row| !row.hidden && !world.project_of(row).archived)
        .filter(|row| project.is_none_or(|project| row.project == project))
        .take(scene.change.count.unwrap_or(20))
        .map(|row| row.id)
        .collect();
    if chosen.is_empty() {
        return Err("a bulk edit needs merge requests: there are none".to_owned());
    }
    for id in &chosen {
        toggle(scene, *id, label);
    }
    Ok(Done::beside_rows(format!(
        "{} merge requests got other labels at once",
        chosen.len()
    )))
}

pub fn push(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request with commits", |world, row| {
        is_open(world, row) && row.sha.is_some()
    })?;
    let head = sha(&mut scene.random);
    let (commits, lines) = (1 + scene.random.below(3) as u32, 1 + scene.random.below(60) as u32);
    let (author, at) = (scene.row(id).author, scene.at);
    scene.save_quietly(id, |row| {
        row.sha = Some(head);
        row.commit_count += commits;
        row.heads.push(Head {
            commits: row.commit_count,
            sha: head,
            at,
        });
        row.size.additions += lines;
        row.size.files = row.size.files.max(1);
    });
    scene.system_note(id, author, "commit", system_notes::added_commits(commits, &head));
    started(scene, id);
    scene.record_activity(id);
    Ok(scene.done(id, "got new commits", author))
}

/// A label that can be put on the merge request.
fn some_label(scene: &mut Scene<'_>, id: u64) -> Result<u64, String> {
    let labels = labels_for(scene.world, scene.world.project_of(scene.row(id)));
    if labels.is_empty() {
        return Err("there are no labels".to_owned());
    }
    Ok(*scene.random.pick(&labels))
}

/// Puts a label on, or takes it off.
fn toggle(scene: &mut Scene<'_>, id: u64, label: u64) {
    let step = match scene.row(id).labels.binary_search(&label) {
        Ok(_) => LabelStep::TakenOff,
        Err(_) => LabelStep::PutOn,
    };
    scene.world.note_label(id, label, step, scene.at);
    scene.save_quietly(id, |row| match row.labels.binary_search(&label) {
        Ok(place) => {
            row.labels.remove(place);
        }
        Err(place) => row.labels.insert(place, label),
    });
    scene.touch(id);
}
