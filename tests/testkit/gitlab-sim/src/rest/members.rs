//! Direct members of groups and projects: of the first everybody who works there, of a project some of those who were
//! active in it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::format::time;
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{Group, Project, User, World};
use crate::instant::{DAY, Instant, print, print_date};

struct Member<'a> {
    user: &'a User,
    access_level: u32,
    created_at: Instant,
    expires_at: Option<Instant>,
}

pub fn of_group(call: &Call<'_>) -> Result<Reply, Reply> {
    let group = call.group()?;
    list(call, &in_group(call.world(), group))
}

pub fn of_project(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project()?;
    list(call, &in_project(call.world(), project))
}

/// `/projects/:id/users`: who can work in a project, members of the groups above included; the newest first.
pub fn users_of_project(call: &Call<'_>) -> Result<Reply, Reply> {
    call.project()?;
    let people = call.world().users.iter().rev();
    let people = people.filter(|user| user.last_activity_on.is_some());
    call.page(people, Length::Told, |user| users::basic(user))
}

/// Rows of `members` that come from a group.
pub fn group_rows(world: &World, group: &Group) -> Vec<Value> {
    let members = in_group(world, group);
    members.iter().map(|member| row("group", group.id, member)).collect()
}

/// Rows of `members` that come from a project.
pub fn project_rows(world: &World, project: &Project) -> Vec<Value> {
    let members = in_project(world, project);
    members
        .iter()
        .map(|member| row("project", project.id, member))
        .collect()
}

fn list(call: &Call<'_>, members: &[Member<'_>]) -> Result<Reply, Reply> {
    call.page(members.iter(), Length::Told, |member| {
        let mut body = users::basic(member.user);
        body["access_level"] = Value::from(member.access_level);
        body["created_at"] = Value::from(time(member.created_at));
        body["expires_at"] = json!(member.expires_at.map(print_date));
        body["membership_state"] = Value::from("active");
        body
    })
}

fn row(source_type: &str, source_id: u64, member: &Member<'_>) -> Value {
    json!({
        "source_type": source_type, "source_id": source_id, "user_id": member.user.id,
        "username": member.user.username, "name": member.user.name, "state": member.user.state,
        "access_level": member.access_level, "membership_state": "active", "created_at": print(member.created_at),
        "expires_at": member.expires_at.map(print_date),
    })
}

/// People belong to the group at the top, leads also to one below.
fn in_group<'a>(world: &'a World, group: &Group) -> Vec<Member<'a>> {
    let top = group.parent.is_none();
    let people = world.users.iter().filter(|user| user.last_activity_on.is_some());
    people
        .filter(|user| top || (user.id + group.id).is_multiple_of(8))
        .map(|user| member(user, group.id, user.created_at))
        .collect()
}

fn in_project<'a>(world: &'a World, project: &Project) -> Vec<Member<'a>> {
    let mut active = BTreeSet::new();
    for row in project.by_iid.values().filter_map(|id| world.merge_requests.get(*id)) {
        active.extend(row.author.iter().chain(&row.assignees).chain(&row.approved_by));
        active.extend(row.reviewers.iter().map(|reviewer| reviewer.user));
    }
    active
        .into_iter()
        .filter(|id| (id + project.id).is_multiple_of(3))
        .filter_map(|id| world.users.get(id))
        .map(|user| member(user, project.id, user.created_at.max(project.created_at)))
        .collect()
}

fn member(user: &User, source: u64, created_at: Instant) -> Member<'_> {
    let number = user.id + source;
    Member {
        user,
        // Reporter, developer (most), maintainer, owner.
        access_level: [30, 30, 20, 40, 30, 50][(number % 6) as usize],
        created_at,
        expires_at: number.is_multiple_of(7).then(|| created_at + 4000 * DAY),
    }
}
