//! Merge requests come, end, come back and vanish.

use super::Done;
use super::pipelines::started;
use super::scene::{Scene, is_open};
use crate::data::{MergeRequest, State, StateEvent, system_notes};
use crate::generate::{newly_opened, sha};
use crate::random::Random;

pub fn open(scene: &mut Scene<'_>) -> Result<Done, String> {
    let named = scene.named_project()?;
    let homes: Vec<u64> = scene
        .world
        .projects
        .iter()
        .filter(|project| named.is_none_or(|named| named == project.id))
        .filter(|project| !project.archived && project.default_branch.is_some())
        .map(|project| project.id)
        .collect();
    if homes.is_empty() {
        return Err("a merge request needs a project with a repository that is not archived: there is none".to_owned());
    }
    let project = *scene.random.pick(&homes);
    let author = scene.somebody_but(&[])?;
    let made = newly_opened(scene.world, &mut scene.random, project, scene.at);
    let row = MergeRequest {
        author: Some(author),
        // Filled in by a background job that is long done when anybody looks.
        prepared_at: Some(scene.at),
        merge_checked: true,
        ..made
    };
    let reviewers: Vec<u64> = row.reviewers.iter().map(|reviewer| reviewer.user).collect();
    let id = scene
        .world
        .add_merge_request(|id, iid| MergeRequest { id, iid, ..row }, project);
    scene.opened(id);
    if !reviewers.is_empty() {
        let body = system_notes::requested_review(scene.world, &reviewers);
        scene.system_note(id, Some(author), "user", body);
    }
    started(scene, id);
    scene.record_activity(id);
    Ok(scene.done(id, "was opened", Some(author)))
}

pub fn merge(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick(
        "an open merge request that is no draft and has no conflicts",
        |world, row| is_open(world, row) && !row.draft && !row.conflicts,
    )?;
    let commit = sha(&mut scene.random);
    let merger = match scene.row(id).approved_by.first() {
        Some(approver) => *approver,
        None => scene.somebody_but(&[])?,
    };
    let at = scene.at;
    scene.save(id, |row| {
        row.state = State::Merged;
        row.merged_at = Some(at);
        row.merge_user = Some(merger);
        row.merge_commit_sha = Some(commit);
        row.squash_commit_sha = row.squash.then(|| sha(&mut Random::of(row.id, 43, 0)));
        row.auto_merge = false;
        row.state_events.push(StateEvent {
            state: "merged",
            user: Some(merger),
            at,
        });
    });
    scene.record_activity(id);
    Ok(scene.done(id, "was merged", Some(merger)))
}

pub fn close(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let closer = scene.row(id).author;
    let at = scene.at;
    scene.save(id, |row| {
        row.state = State::Closed;
        row.closed_at = Some(at);
        row.state_events.push(StateEvent {
            state: "closed",
            user: closer,
            at,
        });
    });
    scene.record_activity(id);
    Ok(scene.done(id, "was closed", closer))
}

pub fn reopen(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("a closed merge request", |_, row| row.state == State::Closed)?;
    let opener = scene.row(id).author;
    let at = scene.at;
    scene.save(id, |row| {
        row.state = State::Opened;
        row.closed_at = None;
        row.state_events.push(StateEvent {
            state: "reopened",
            user: opener,
            at,
        });
    });
    scene.record_activity(id);
    Ok(scene.done(id, "was reopened", opener))
}

pub fn delete(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("a merge request", |_, _| true)?;
    let done = scene.done(id, "was deleted", None);
    scene.remember(id);
    scene.moved.merge_requests.insert(id);
    let notes = scene.row(id).notes.clone();
    scene.moved.mr_notes.extend(notes);
    scene.world.remove_merge_request(id);
    Ok(done)
}

pub fn set_hidden(scene: &mut Scene<'_>, hidden: bool) -> Result<Done, String> {
    let (wanted, what) = if hidden {
        ("a merge request", "was hidden from the token")
    } else {
        ("a hidden merge request", "was shown to the token")
    };
    let id = scene.pick_where(wanted, |_, row| row.hidden != hidden)?;
    scene.save_quietly(id, |row| row.hidden = hidden);
    let notes = scene.row(id).notes.clone();
    scene.moved.mr_notes.extend(notes);
    Ok(scene.done(id, what, None))
}
