//! Who looks at a merge request, and what they think of it.

use super::Done;
use super::scene::{Scene, is_open};
use crate::data::{Reviewer, system_notes};

pub fn approve(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let row = scene.row(id);
    let taken: Vec<u64> = row.approved_by.iter().copied().chain(row.author).collect();
    let asked = row.reviewers.iter().map(|reviewer| reviewer.user);
    let user = match asked.into_iter().find(|user| !taken.contains(user)) {
        Some(user) => user,
        None => scene.somebody_but(&taken)?,
    };
    scene.save_quietly(id, |row| row.approved_by.push(user));
    set_state(scene, id, user, "APPROVED");
    scene.system_note(id, Some(user), "approval", "approved this merge request");
    scene.record_activity(id);
    Ok(scene.done(id, "was approved", Some(user)))
}

pub fn unapprove(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request with an approval", |world, row| {
        is_open(world, row) && !row.approved_by.is_empty()
    })?;
    let user = *scene.row(id).approved_by.last().expect("picked for its approval");
    scene.save_quietly(id, |row| row.approved_by.retain(|other| *other != user));
    set_state(scene, id, user, "UNAPPROVED");
    scene.system_note(id, Some(user), "unapproval", "unapproved this merge request");
    Ok(scene.done(id, "had its approval withdrawn", Some(user)))
}

pub fn request(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let row = scene.row(id);
    let author = row.author;
    let asked = row.reviewers.iter().map(|reviewer| reviewer.user);
    let others: Vec<u64> = asked.chain(author).collect();
    let user = scene.somebody_but(&others)?;
    scene.save_quietly(id, |row| {
        row.reviewers.push(Reviewer {
            user,
            state: "UNREVIEWED",
        });
    });
    let body = system_notes::requested_review(scene.world, &[user]);
    scene.system_note(id, author, "user", body);
    Ok(scene.done(id, "got a review requested", author))
}

pub fn assign(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request", is_open)?;
    let (author, assignees) = (scene.row(id).author, scene.row(id).assignees.clone());
    let user = scene.somebody_but(&assignees)?;
    scene.save_quietly(id, |row| row.assignees.push(user));
    let body = system_notes::assigned(scene.world, &[user]);
    scene.system_note(id, author, "user", body);
    Ok(scene.done(id, "got one more assignee", author))
}

pub fn unassign(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request with an assignee", |world, row| {
        is_open(world, row) && !row.assignees.is_empty()
    })?;
    let (author, user) = (scene.row(id).author, scene.row(id).assignees[0]);
    scene.save_quietly(id, |row| row.assignees.retain(|other| *other != user));
    let body = system_notes::unassigned(scene.world, &[user]);
    scene.system_note(id, author, "user", body);
    Ok(scene.done(id, "lost an assignee", author))
}

pub fn unrequest(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request with a reviewer", |world, row| {
        is_open(world, row) && !row.reviewers.is_empty()
    })?;
    let (author, user) = (scene.row(id).author, scene.row(id).reviewers[0].user);
    scene.save_quietly(id, |row| row.reviewers.retain(|other| other.user != user));
    let body = system_notes::removed_review_request(scene.world, &[user]);
    scene.system_note(id, author, "user", body);
    Ok(scene.done(id, "had a review request withdrawn", author))
}

fn set_state(scene: &mut Scene<'_>, id: u64, user: u64, state: &'static str) {
    scene.save_quietly(id, |row| {
        for reviewer in row.reviewers.iter_mut().filter(|reviewer| reviewer.user == user) {
            reviewer.state = state;
        }
    });
}
