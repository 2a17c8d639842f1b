//! What happened to the states and labels of merge requests and issues.
//!
//! GitLab writes no notes of either. What happened to labels since the data was made is in `World::label_changes`, and
//! the others came with the merge request.

use serde_json::{Value, json};

use super::format::time;
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{Issue, LabelStep, MergeRequest, StateEvent, World};
use crate::instant::{HOUR, Instant, SECOND, print};

/// Beyond the ids of notes, so that mixing them up shows.
const STATE_IDS: u64 = 5_000_000;
const ISSUE_STATE_IDS: u64 = 50_000_000;
/// Of so many issues one was closed and reopened soon after it was opened.
const ISSUES_PER_REOPENED: u64 = 7;

struct LabelEvent {
    id: u64,
    label: u64,
    user: Option<u64>,
    added: bool,
    at: Instant,
}

/// `resource_state_events`, oldest first.
pub fn of_states(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.merge_request()?);
    call.page(state_events(row), Length::Told, |(id, event)| {
        state_body(world, *id, event, "MergeRequest", row.id)
    })
}

/// The same of an issue.
pub fn of_issue_states(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.issue()?);
    let events = issue_state_events(row);
    call.page(events.iter(), Length::Told, |(id, event)| {
        state_body(world, *id, event, "Issue", row.id)
    })
}

fn state_body(world: &World, id: u64, event: &StateEvent, kind: &str, resource: u64) -> Value {
    json!({
        "id": id, "user": user(world, event.user), "created_at": time(event.at), "resource_type": kind,
        "resource_id": resource, "source_commit": null, "source_merge_request_id": null, "state": event.state,
    })
}

/// `resource_label_events`, oldest first.
pub fn of_labels(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.merge_request()?);
    let events = label_events(world, row);
    call.page(events.iter(), Length::Told, |event| {
        label_body(world, event, "MergeRequest", row.id)
    })
}

/// The same of an issue.
pub fn of_issue_labels(call: &Call<'_>) -> Result<Reply, Reply> {
    let (world, row) = (call.world(), call.issue()?);
    let events = issue_label_events(row);
    call.page(events.iter(), Length::Told, |event| {
        label_body(world, event, "Issue", row.id)
    })
}

fn label_body(world: &World, event: &LabelEvent, kind: &str, resource: u64) -> Value {
    // GitLab prints null for a label that was deleted.
    let label = world.labels.get(event.label).map(|label| {
        json!({
            "id": label.id, "name": label.title, "color": label.color, "description": label.description,
            "description_html": label.description, "text_color": "#FFFFFF", "archived": false,
        })
    });
    json!({
        "id": event.id, "user": user(world, event.user), "created_at": time(event.at), "resource_type": kind,
        "resource_id": resource, "label": label, "action": if event.added { "add" } else { "remove" },
    })
}

/// Rows of `mr_state_events`.
pub fn state_rows(row: &MergeRequest) -> Vec<Value> {
    state_events(row)
        .map(|(id, event)| {
            json!({
                "id": id, "project_id": row.project, "merge_request_id": row.id,
                "user_id": event.user, "state": event.state, "created_at": print(event.at),
            })
        })
        .collect()
}

/// Rows of `issue_state_events`.
pub fn issue_state_rows(row: &Issue) -> Vec<Value> {
    let events = issue_state_events(row);
    let rows = events.iter().map(|(id, event)| {
        json!({
            "id": id, "project_id": row.project, "issue_id": row.id,
            "user_id": event.user, "state": event.state, "created_at": print(event.at),
        })
    });
    rows.collect()
}

/// Rows of `mr_label_events`.
pub fn label_rows(world: &World, row: &MergeRequest) -> Vec<Value> {
    let events = label_events(world, row);
    let rows = events
        .iter()
        .map(|event| label_row(world, event, row.project, "merge_request_id", row.id));
    rows.collect()
}

/// Rows of `issue_label_events`.
pub fn issue_label_rows(world: &World, row: &Issue) -> Vec<Value> {
    let events = issue_label_events(row);
    let rows = events
        .iter()
        .map(|event| label_row(world, event, row.project, "issue_id", row.id));
    rows.collect()
}

fn label_row(world: &World, event: &LabelEvent, project: u64, owner: &str, id: u64) -> Value {
    let label = world.labels.get(event.label);
    json!({
        "id": event.id, "project_id": project, owner: id, "user_id": event.user,
        "label_id": label.map(|label| label.id), "label_title": label.map(|label| label.title.as_str()),
        "action": if event.added { "add" } else { "remove" }, "created_at": print(event.at),
    })
}

fn user(world: &World, id: Option<u64>) -> Option<Value> {
    id.and_then(|id| world.users.get(id)).map(users::basic)
}

/// With their ids.
fn state_events(row: &MergeRequest) -> impl Iterator<Item = (u64, &StateEvent)> {
    let first = STATE_IDS + row.id * 100;
    (first..).zip(&row.state_events)
}

/// With their ids. Some issues were closed for an hour; besides, only the last end is simulated.
fn issue_state_events(row: &Issue) -> Vec<(u64, StateEvent)> {
    let is_reopened = row.id.is_multiple_of(ISSUES_PER_REOPENED)
        && row.updated_at >= row.created_at + 3 * HOUR
        && row.closed_at.is_none_or(|end| end >= row.created_at + 3 * HOUR);
    let reopened = [("closed", HOUR), ("reopened", 2 * HOUR)].map(|(state, after)| (state, row.created_at + after));
    let end = row.closed_at.filter(|_| row.closed).map(|at| ("closed", at));
    let events = reopened.into_iter().filter(|_| is_reopened).chain(end);
    let user = Some(row.author);
    (ISSUE_STATE_IDS + row.id * 100..)
        .zip(events.map(|(state, at)| StateEvent { state, user, at }))
        .collect()
}

fn label_events(world: &World, row: &MergeRequest) -> Vec<LabelEvent> {
    let first = world.first_labels(row).into_iter();
    let first = first.map(|label| (label, row.author, true, row.created_at + SECOND));
    let later = world
        .label_changes_of(row.id)
        .filter(|change| change.step != LabelStep::Deleted)
        .map(|change| (change.label, change.user, change.step == LabelStep::PutOn, change.at));
    first
        .chain(later)
        .enumerate()
        .map(|(index, (label, user, added, at))| LabelEvent {
            id: row.id * 1000 + index as u64,
            label,
            user,
            added,
            at,
        })
        .collect()
}

/// Its labels, as if they had all been put on when it was opened: what became of them later is not simulated.
fn issue_label_events(row: &Issue) -> Vec<LabelEvent> {
    let labels = row.labels.iter().enumerate();
    let event = |(index, label): (usize, &u64)| LabelEvent {
        id: row.id * 1000 + index as u64,
        label: *label,
        user: Some(row.author),
        added: true,
        at: row.created_at + SECOND,
    };
    labels.map(event).collect()
}
