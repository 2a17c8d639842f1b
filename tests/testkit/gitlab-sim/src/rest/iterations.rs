//! `/groups/:id/iterations` of the Enterprise Edition: four weeks each, in the groups at the top.

use serde_json::{Value, json};

use super::format::{group_url, time};
use super::groups::below;
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{Group, World};
use crate::instant::{DAY, Instant, print, print_date};

const LENGTH: i64 = 28 * DAY;

struct Iteration<'a> {
    id: u64,
    /// Counts from 1.
    sequence: i64,
    group: &'a Group,
    /// 1 upcoming, 2 current, 3 closed.
    state: u8,
    start: Instant,
    created_at: Instant,
}

/// Those of the groups above are among them unless `include_ancestors` is false.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    call.enterprise_only()?;
    let (world, group) = (call.world(), call.group()?);
    let (up, down) = (
        call.flag("include_ancestors", true),
        call.flag("include_descendants", false),
    );
    let after = call.instant("updated_after")?;
    let groups = world
        .groups
        .iter()
        .filter(|other| other.id == group.id || up && below(group, other) || down && below(other, group));
    let found = groups
        .flat_map(|group| iterations(world, group))
        .filter(|found| after.is_none_or(|after| found.created_at >= after));
    call.page(found, Length::Told, |found| {
        json!({
            "id": found.id, "iid": found.sequence, "sequence": found.sequence, "group_id": found.group.id,
            "title": found.title(), "description": found.description(), "state": found.state,
            "created_at": time(found.created_at), "updated_at": time(found.created_at),
            "start_date": print_date(found.start), "due_date": print_date(found.due()), "web_url": found.url(),
        })
    })
}

/// Rows of `iterations`.
pub fn rows(world: &World, group: &Group) -> Vec<Value> {
    let row = |found: &Iteration<'_>| {
        json!({
            "id": found.id, "iid": found.sequence, "group_id": group.id, "sequence": found.sequence,
            "title": found.title(), "description": found.description(), "state": found.state,
            "start_date": print_date(found.start), "due_date": print_date(found.due()), "web_url": found.url(),
            "created_at": print(found.created_at), "updated_at": print(found.created_at),
        })
    };
    if world.enterprise {
        iterations(world, group).iter().map(row).collect()
    } else {
        Vec::new()
    }
}

/// One after the other, up to the first one to come.
fn iterations<'a>(world: &'a World, group: &'a Group) -> Vec<Iteration<'a>> {
    let oldest = world.projects.iter().map(|project| project.created_at).min();
    let Some(created_at) = oldest.filter(|_| group.parent.is_none()) else {
        return Vec::new();
    };
    let first = created_at.div_euclid(DAY) * DAY;
    let count = (world.newest - first).div_euclid(LENGTH) + 2;
    (0..count)
        .map(|index| {
            let start = first + index * LENGTH;
            Iteration {
                id: group.id * 10_000 + index as u64,
                sequence: index + 1,
                group,
                state: if start > world.newest {
                    1
                } else if start + LENGTH > world.newest {
                    2
                } else {
                    3
                },
                start,
                created_at,
            }
        })
        .collect()
}

impl Iteration<'_> {
    /// GitLab gives those that it schedules by itself no title.
    fn title(&self) -> Option<String> {
        (self.sequence % 5 == 0).then(|| format!("Iteration {}", self.sequence))
    }

    fn description(&self) -> Option<&'static str> {
        (self.sequence % 5 == 0).then_some("With a retrospective")
    }

    fn due(&self) -> Instant {
        self.start + LENGTH - DAY
    }

    fn url(&self) -> String {
        format!("{}/-/iterations/{}", group_url(self.group), self.id)
    }
}
