//! Comments.

use super::Done;
use super::scene::{Scene, is_open};
use crate::data::{MergeRequest, Note, Noteable, Text, World, system_notes};
use crate::instant::MINUTE;

pub fn comment(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let author = scene.somebody_but(&[])?;
    let (body, resolvable) = (Text::Comment(scene.random.draw() as u32), scene.random.chance(0.45));
    scene.note(Note {
        author: Some(author),
        body,
        resolvable,
        ..system_notes::blank(Noteable::MergeRequest(id), scene.at)
    });
    scene.record_activity(id);
    Ok(scene.done(id, "was commented on", Some(author)))
}

/// A comment less than a minute after the last update: GitLab then leaves `updated_at` alone, so a client that only
/// looks for newer ones misses it.
pub fn throttled(scene: &mut Scene<'_>) -> Result<Done, String> {
    let at = scene.at;
    let id = scene.pick("an open merge request updated within the last minute", |world, row| {
        is_open(world, row) && at - row.updated_at < MINUTE
    })?;
    let author = scene.somebody_but(&[])?;
    let body = Text::Comment(scene.random.draw() as u32);
    scene.note(Note {
        author: Some(author),
        body,
        ..system_notes::blank(Noteable::MergeRequest(id), at)
    });
    Ok(scene.done(id, "was commented on without being marked as updated", Some(author)))
}

pub fn edit(scene: &mut Scene<'_>) -> Result<Done, String> {
    let (id, note) = find(scene, "a merge request with a comment", |_| true)?;
    let body = Text::Comment(scene.random.draw() as u32);
    let at = scene.at;
    let author = scene.world.notes.get(note).and_then(|note| note.author);
    scene.world.edit_note(note, |note| {
        // Made-up comments may come out the same; an edit never does.
        note.body = Text::plain(format!("{}\n\nEdited.", body.read()));
        note.updated_at = at;
    });
    scene.moved.mr_notes.insert(note);
    scene.touch(id);
    Ok(scene.done(id, "has a comment that was edited", author))
}

pub fn resolve(scene: &mut Scene<'_>) -> Result<Done, String> {
    let (id, note) = find(scene, "a merge request with an unresolved discussion", |note| {
        note.resolvable && !note.reply && note.resolved_at.is_none()
    })?;
    let at = scene.at;
    scene.world.edit_note(note, |note| {
        note.resolved_at = Some(at);
        note.updated_at = at;
    });
    scene.moved.mr_notes.insert(note);
    scene.moved.merge_requests.insert(id);
    scene.touch(id);
    Ok(scene.done(id, "has a discussion that was resolved", None))
}

pub fn delete(scene: &mut Scene<'_>) -> Result<Done, String> {
    let (id, note) = find(scene, "a merge request with a comment", |_| true)?;
    scene.world.remove_note(note);
    scene.moved.mr_notes.insert(note);
    scene.moved.merge_requests.insert(id);
    Ok(scene.done(id, "lost a comment", None))
}

/// A merge request with a person's comment that fits, and the first such comment.
fn find(scene: &mut Scene<'_>, wanted: &str, fits: impl Fn(&Note) -> bool) -> Result<(u64, u64), String> {
    let first = |world: &World, row: &MergeRequest| {
        let notes = row.notes.iter().filter_map(|id| world.notes.get(*id));
        notes
            .filter(|note| note.icon.is_none())
            .find(|note| fits(note))
            .map(|note| note.id)
    };
    let id = scene.pick(wanted, |world, row| first(world, row).is_some())?;
    let note = first(scene.world, scene.row(id)).expect("the merge request was picked for it");
    Ok((id, note))
}
