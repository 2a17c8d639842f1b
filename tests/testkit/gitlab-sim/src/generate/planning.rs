//! Labels and milestones: most of them the top group's, some of a subgroup's or a project's own.

use crate::data::{Label, Milestone, Owner, Project, World};
use crate::instant::{DAY, Instant, year_month};
use crate::random::Random;

const LABELS: [(&str, &str, Option<&str>); 15] = [
    ("bug", "#d9534f", Some("Something does not work")),
    ("feature", "#428bca", None),
    ("security", "#ff0000", Some("Handle with care")),
    ("documentation", "#5cb85c", None),
    ("performance", "#f0ad4e", None),
    ("backend", "#34495e", None),
    ("frontend", "#8e44ad", None),
    ("priority::critical", "#cc0033", Some("Now")),
    ("priority::high", "#ed9121", None),
    ("priority::low", "#a8d695", None),
    ("team::payments", "#00b140", None),
    ("team::growth", "#009966", None),
    ("🚀 release", "#6699cc", None),
    ("needs \"care\"", "#330066", Some("Quotes, commas, and \\ on purpose")),
    ("后端", "#cd5b45", None),
];

/// Labels of subgroups, and of projects by their place among them. Two have the title of another one: titles are unique
/// only along a path.
const SUBGROUP_LABELS: [(&str, &str, &str); 3] = [
    ("acme/platform", "on-call", "#8fbc8f"),
    ("acme/apps", "accessibility", "#9400d3"),
    ("acme/apps/mobile", "store review", "#d10069"),
];
const PROJECT_LABELS: [(usize, &str, &str); 4] = [
    (0, "ledger", "#dc143c"),
    (1, "checkout", "#eee600"),
    (2, "on-call", "#6699cc"),
    (3, "checkout", "#c39953"),
];

pub fn add_labels(world: &mut World, start: Instant) {
    let top = world.groups.iter().next().map(|group| group.id);
    let random = &mut Random::of(world.groups.next_id(), 11, 0);
    let mut add = |world: &mut World, owner: Owner, title: &str, color: &'static str, description| {
        let created_at = start - random.below(200 * DAY as u64) as i64;
        let updated_at = created_at + random.below(100 * DAY as u64) as i64;
        world.labels.add(|id| Label {
            id,
            owner,
            title: title.to_owned(),
            color,
            description,
            created_at,
            updated_at,
        });
    };
    for (title, color, description) in LABELS {
        if let Some(top) = top {
            add(world, Owner::Group(top), title, color, description);
        }
    }
    for (path, title, color) in SUBGROUP_LABELS {
        let group = world.group_by_path(path).map(|group| group.id);
        if let Some(group) = group {
            add(world, Owner::Group(group), title, color, None);
        }
    }
    for (place, title, color) in PROJECT_LABELS {
        let project = world.projects.iter().nth(place).map(|project| project.id);
        if let Some(project) = project {
            add(world, Owner::Project(project), title, color, Some("Ours alone"));
        }
    }
}

pub fn add_milestones(world: &mut World, start: Instant, anchor: Instant) {
    let Some(top) = world.groups.iter().next().map(|group| group.id) else {
        return;
    };
    let mut at = start;
    while at <= anchor + 30 * DAY {
        let (year, month) = year_month(at);
        let begin = at.div_euclid(DAY) * DAY;
        add(world, Owner::Group(top), &format!("{year}.{month:02}"), anchor, |row| {
            row.start_date = Some(begin);
            row.due_date = Some(begin + 28 * DAY);
        });
        at += 365 * DAY / 12;
    }
    if let Some(group) = world.group_by_path("acme/apps").map(|group| group.id) {
        add(world, Owner::Group(group), "App store launch 🎉", anchor, |row| {
            row.description = Some("Everything that must be ready on the day.".to_owned());
        });
    }
    let homes: Vec<u64> = world.projects.iter().take(3).map(|project| project.id).collect();
    for project in homes {
        add(world, Owner::Project(project), "Stabilise", anchor, |row| {
            row.due_date = Some((anchor - 20 * DAY).div_euclid(DAY) * DAY);
        });
        add(world, Owner::Project(project), "Someday", anchor, |_| {});
    }
}

fn add(world: &mut World, owner: Owner, title: &str, anchor: Instant, change: impl FnOnce(&mut Milestone)) {
    let iid = 1 + world.milestones.iter().filter(|row| row.owner == owner).count() as u64;
    world.milestones.add(|id| {
        let mut row = Milestone {
            id,
            iid,
            owner,
            title: title.to_owned(),
            description: None,
            active: true,
            start_date: None,
            due_date: None,
            created_at: anchor,
            updated_at: anchor,
        };
        change(&mut row);
        // Planned two weeks ahead, closed three days after the end; never in the future.
        let begin = row.start_date.unwrap_or(anchor - 60 * DAY);
        row.created_at = (begin - 14 * DAY + id as i64).min(anchor);
        let end = row.due_date.map(|due| due + 3 * DAY).filter(|end| *end < anchor);
        row.active = end.is_none();
        row.updated_at = end.unwrap_or(row.created_at);
        row
    });
}

/// The labels that can be put on things in a project.
pub fn labels_for(world: &World, project: &Project) -> Vec<u64> {
    let labels = world.labels.iter();
    labels
        .filter(|label| world.is_available(label.owner, project))
        .map(|label| label.id)
        .collect()
}

/// The milestones that things in a project can be planned for.
pub fn milestones_for(world: &World, project: &Project) -> Vec<u64> {
    let milestones = world.milestones.iter();
    milestones
        .filter(|row| world.is_available(row.owner, project))
        .map(|row| row.id)
        .collect()
}
