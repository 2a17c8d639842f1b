//! `/groups/:id/epics` of the Enterprise Edition: many in the group at the top, a few in each one below.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::format::{group_url, time, time_or_null};
use super::groups::below;
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{Group, User, World, words};
use crate::instant::{DAY, Instant, print, print_date};
use crate::random::Random;

/// More than a page in the group at the top.
const AT_THE_TOP: u64 = 23;

struct Epic<'a> {
    id: u64,
    iid: u64,
    group: &'a Group,
    title: String,
    description: Option<String>,
    closed_at: Option<Instant>,
    author: Option<&'a User>,
    parent: Option<(u64, u64)>,
    labels: Vec<&'a str>,
    start_date: Option<Instant>,
    due_date: Option<Instant>,
    upvotes: u64,
    downvotes: u64,
    created_at: Instant,
    updated_at: Instant,
}

/// The newest first. Epics of the groups below are among them unless `include_descendant_groups` is false.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    call.enterprise_only()?;
    let (world, group) = (call.world(), call.group()?);
    let (after, before) = (call.instant("updated_after")?, call.instant("updated_before")?);
    let deep = call.flag("include_descendant_groups", true);
    let state = call.argument("state").filter(|state| *state != "all");
    let groups = world
        .groups
        .iter()
        .filter(|other| other.id == group.id || deep && below(other, group));
    let mut epics: Vec<Epic<'_>> = groups.flat_map(|group| epics(world, group)).collect();
    let by_update = call.argument("order_by") == Some("updated_at");
    epics.sort_by_key(|epic| (if by_update { epic.updated_at } else { epic.created_at }, epic.id));
    if call.argument("sort") != Some("asc") {
        epics.reverse();
    }
    let fitting = epics.iter().filter(|epic| {
        let at = epic.updated_at;
        after.is_none_or(|after| at >= after)
            && before.is_none_or(|before| at <= before)
            && state.is_none_or(|state| state == epic.state())
    });
    call.page(fitting, Length::Told, |epic| {
        let url = epic.url();
        json!({
            "id": epic.id, "work_item_id": epic.id + 1_000_000, "iid": epic.iid, "color": "#1068bf",
            "text_color": "#FFFFFF", "group_id": epic.group.id, "parent_id": epic.parent.map(|(id, _)| id),
            "parent_iid": epic.parent.map(|(_, iid)| iid), "imported": false, "imported_from": "none",
            "title": epic.title, "description": epic.description, "confidential": false,
            "author": epic.author.map(users::basic), "start_date": epic.start_date.map(print_date),
            "start_date_is_fixed": true, "start_date_fixed": epic.start_date.map(print_date),
            "due_date": epic.due_date.map(print_date), "due_date_is_fixed": true,
            "due_date_fixed": epic.due_date.map(print_date), "state": epic.state(), "web_edit_url": url, "web_url": url,
            "references": {"short": format!("&{}", epic.iid), "relative": format!("&{}", epic.iid),
                "full": format!("{}&{}", epic.group.full_path, epic.iid)},
            "created_at": time(epic.created_at), "updated_at": time(epic.updated_at),
            "closed_at": time_or_null(epic.closed_at), "labels": epic.labels, "upvotes": epic.upvotes,
            "downvotes": epic.downvotes,
        })
    })
}

/// Rows of `epics`.
pub fn rows(world: &World, group: &Group) -> Vec<Value> {
    let row = |epic: &Epic<'_>| {
        json!({
            "id": epic.id, "iid": epic.iid, "group_id": group.id, "title": epic.title,
            "description": epic.description, "state": epic.state(), "author_id": epic.author.map(|user| user.id),
            "parent_id": epic.parent.map(|(id, _)| id), "labels": epic.labels,
            "start_date": epic.start_date.map(print_date), "due_date": epic.due_date.map(print_date),
            "web_url": epic.url(), "upvotes": epic.upvotes, "downvotes": epic.downvotes,
            "created_at": print(epic.created_at), "updated_at": print(epic.updated_at),
            "closed_at": epic.closed_at.map(print),
        })
    };
    if world.enterprise {
        epics(world, group).iter().map(row).collect()
    } else {
        Vec::new()
    }
}

/// The numbers of a group's own epics.
pub fn iids(group: &Group) -> RangeInclusive<u64> {
    1..=if group.parent.is_none() {
        AT_THE_TOP
    } else {
        2 + group.id % 3
    }
}

/// The id of the epic with a number in its group.
pub fn id(group: &Group, iid: u64) -> u64 {
    group.id * 100 + iid
}

/// A group's own epics.
fn epics<'a>(world: &'a World, group: &'a Group) -> Vec<Epic<'a>> {
    let Some(start) = world.projects.iter().map(|project| project.created_at).min() else {
        return Vec::new();
    };
    let people: Vec<&User> = world.users.iter().filter(|user| !user.bot).collect();
    iids(group)
        .map(|iid| {
            let random = &mut Random::of(group.id, 51, iid);
            // The oldest project is ten days older than the oldest merge request, at least.
            let created_at = start + random.below(DAY as u64 * 5) as i64 + iid as i64;
            let closed_at = random
                .chance(0.4)
                .then(|| created_at + random.below(4 * DAY as u64) as i64);
            let mut labels: Vec<&str> = world
                .labels
                .iter()
                .filter(|_| random.chance(0.15))
                .map(|label| label.title.as_str())
                .collect();
            labels.sort_unstable();
            Epic {
                id: id(group, iid),
                iid,
                group,
                title: words::title(random),
                description: random.chance(0.7).then(|| words::comment(random.draw() as u32)),
                closed_at,
                author: (!people.is_empty()).then(|| *random.pick(&people)),
                parent: (iid > 4 && random.chance(0.5)).then(|| (id(group, iid / 4), iid / 4)),
                labels,
                start_date: random.chance(0.6).then(|| created_at + 7 * DAY),
                due_date: random.chance(0.5).then(|| created_at + 90 * DAY),
                upvotes: random.below(6),
                downvotes: random.below(2),
                created_at,
                updated_at: closed_at.unwrap_or(created_at),
            }
        })
        .collect()
}

impl Epic<'_> {
    fn state(&self) -> &'static str {
        if self.closed_at.is_some() { "closed" } else { "opened" }
    }

    fn url(&self) -> String {
        format!("{}/-/epics/{}", group_url(self.group), self.iid)
    }
}
