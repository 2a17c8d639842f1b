//! `/groups/:id/epics/:epic_iid/issues` of the Enterprise Edition: some of a project's issues belong to epics of the
//! group at the top, some to those of the project's own group.

use serde_json::{Value, json};

use super::epics;
use super::format::{time, time_or_null};
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{Group, Issue, World, is_below, issue_url};
use crate::instant::print_date;

/// Links have longer ids than issues, so that mixing them up shows.
const IDS: u64 = 2_000_000;

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    call.enterprise_only()?;
    let (world, group) = (call.world(), call.group()?);
    let iid = call.names[1].parse().ok();
    let iid = iid
        .filter(|iid| epics::iids(group).contains(iid))
        .ok_or_else(|| Reply::not_found("Epic"))?;
    let linked = links(world, group).filter(|(_, epic)| *epic == iid);
    call.page(linked, Length::Told, |(issue, _)| body(world, group, issue, iid))
}

/// Rows of `epic_issues` for the epics of a group.
pub fn rows(world: &World, group: &Group) -> Vec<Value> {
    let row = |(issue, iid): (&Issue, u64)| {
        json!({
            "id": issue.id + IDS, "group_id": group.id, "epic_id": epics::id(group, iid), "issue_id": issue.id,
            "project_id": issue.project,
        })
    };
    if world.enterprise {
        links(world, group).map(row).collect()
    } else {
        Vec::new()
    }
}

/// Issues that belong to an epic of the group, with the epic's number there.
fn links<'a>(world: &'a World, group: &'a Group) -> impl Iterator<Item = (&'a Issue, u64)> {
    let epics = epics::iids(group).count() as u64;
    let linked = move |issue: &Issue| {
        let project = world.projects.get(issue.project);
        project.is_some_and(|project| match issue.id % 4 {
            0 => group.parent.is_none() && is_below(&project.namespace, &group.full_path),
            1 => group.parent.is_some() && project.namespace == group.full_path,
            _ => false,
        })
    };
    let issues = world.issues.iter().filter(move |issue| linked(issue));
    issues.map(move |issue| (issue, 1 + issue.id / 4 % epics))
}

fn body(world: &World, group: &Group, issue: &Issue, epic: u64) -> Value {
    let mut labels: Vec<&str> = issue
        .labels
        .iter()
        .filter_map(|id| world.labels.get(*id))
        .map(|label| label.title.as_str())
        .collect();
    labels.sort_unstable();
    let assignees = issue.assignees.iter().filter_map(|id| world.users.get(*id));
    json!({
        "id": issue.id, "iid": issue.iid, "project_id": issue.project, "title": issue.title.read(),
        "description": issue.description.as_ref().map(|text| text.read().into_owned()), "state": issue.state(),
        "created_at": time(issue.created_at), "updated_at": time(issue.updated_at),
        "closed_at": time_or_null(issue.closed_at), "labels": labels,
        "milestone": issue.milestone.map(|id| json!({"id": id})),
        "assignees": assignees.map(users::basic).collect::<Vec<_>>(),
        "author": world.users.get(issue.author).map(users::basic), "type": issue.kind,
        "issue_type": issue.kind.to_lowercase(), "user_notes_count": issue.user_notes, "upvotes": issue.upvotes,
        "downvotes": issue.downvotes, "due_date": issue.due_date.map(print_date), "confidential": issue.confidential,
        "weight": issue.weight, "web_url": issue_url(world, issue),
        "time_stats": {"time_estimate": issue.time_estimate, "total_time_spent": issue.time_spent},
        "epic_iid": epic, "epic": {"id": epics::id(group, epic), "iid": epic, "group_id": group.id},
        "epic_issue_id": issue.id + IDS, "relative_position": issue.iid,
    })
}
