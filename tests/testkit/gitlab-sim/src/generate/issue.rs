//! Issues: half as many as merge requests, with a few comments each.

use super::merge_request::{description, labels, person};
use super::planning::milestones_for;
use super::projects::Homes;
use super::timeline::{at_work, working_hours};
use super::{Loose, Sizes};
use crate::data::{Issue, Note, Noteable, Text, World, system_notes, words};
use crate::instant::{DAY, HOUR, Instant, MINUTE};
use crate::random::Random;

pub fn add(world: &mut World, loose: &mut Loose, sizes: &Sizes, homes: &Homes, start: Instant) {
    let count = sizes.merge_requests / 2;
    // Another seed than that of the merge requests, which would be opened at the same instants.
    for (index, created_at) in working_hours(sizes.seed ^ 0x1557E5, count, start, sizes.anchor)
        .into_iter()
        .enumerate()
    {
        let random = &mut Random::of(sizes.seed, 10, index as u64);
        let project = homes.pick(random);
        let mut row = opening(world, random, project, created_at, index + 1);
        row.id = world.issues.next_id();
        live(world, loose, random, &mut row, sizes.anchor);
        world.add_issue(project, |id, iid| Issue { id, iid, ..row });
    }
}

/// An issue that is opened at `at`, after all others. The caller adds it.
pub fn newly_opened(world: &World, random: &mut Random, project: u64, at: Instant) -> Issue {
    opening(world, random, project, at, world.changes as usize)
}

fn opening(world: &World, random: &mut Random, project: u64, created_at: Instant, index: usize) -> Issue {
    let home = world.projects.get(project).expect("picked among existing projects");
    let author = person(world, random);
    let kind = match random.unit() {
        share if share < 0.78 => "ISSUE",
        share if share < 0.92 => "TASK",
        _ => "INCIDENT",
    };
    let milestones = milestones_for(world, home);
    let due = (created_at + (5 + random.below(60) as i64) * DAY).div_euclid(DAY) * DAY;
    let weight = random.below(9) as u32;
    Issue {
        id: 0,
        iid: 0,
        project,
        title: Text::plain(words::title(random)),
        description: description(random, index),
        closed: false,
        kind,
        author,
        assignees: (0..[0, 0, 1, 1, 1, 2][random.below(6) as usize])
            .map(|_| person(world, random))
            .collect::<std::collections::BTreeSet<u64>>()
            .into_iter()
            .collect(),
        labels: labels(world, random, home),
        // A project that moved to another group may have none.
        milestone: (random.chance(0.3) && !milestones.is_empty()).then(|| *random.pick(&milestones)),
        confidential: random.chance(0.04),
        weight: (world.enterprise && random.chance(0.3)).then_some(weight),
        due_date: random.chance(0.2).then_some(due),
        user_notes: 0,
        upvotes: random.log_normal(0.5, 1.2).min(40.0) as u32,
        downvotes: u32::from(random.chance(0.02)),
        time_estimate: if random.chance(0.15) {
            3600 * (1 + random.below(24) as u32)
        } else {
            0
        },
        time_spent: if random.chance(0.1) {
            900 * (1 + random.below(60) as u32)
        } else {
            0
        },
        created_at,
        updated_at: created_at,
        closed_at: None,
        notes: Vec::new(),
    }
}

/// What happened to it until the anchor: comments, a milestone, its end.
fn live(world: &World, loose: &mut Loose, random: &mut Random, row: &mut Issue, anchor: Instant) {
    let life = (random.log_normal(150.0, 1.4) * HOUR as f64).min(300.0 * DAY as f64) as i64;
    let mut note = |row: &mut Issue, note: Note| {
        if note.created_at <= anchor {
            row.updated_at = row.updated_at.max(note.updated_at);
            loose.notes.push(note);
        }
    };
    let id = row.id;
    let blank = |at| system_notes::blank(Noteable::Issue(id), at);
    if !row.assignees.is_empty() {
        let body = system_notes::assigned(world, &row.assignees);
        let assigned = Note {
            author: Some(row.author),
            icon: Some("user"),
            body: Text::plain(body),
            ..blank(row.created_at + 2 * MINUTE)
        };
        note(row, assigned);
    }
    for _ in 0..random.log_normal(1.6, 1.0).min(60.0) as u32 {
        let delay = random.below(life.max(HOUR) as u64) as i64;
        let at = at_work(random, row.created_at + MINUTE, delay);
        let edited = if random.chance(0.06) { 30 * MINUTE } else { 0 };
        let comment = Note {
            author: Some(person(world, random)),
            body: Text::Comment(random.draw() as u32),
            internal: random.chance(0.02),
            updated_at: (at + edited).min(anchor.max(at)),
            ..blank(at)
        };
        note(row, comment);
    }
    let end = at_work(random, row.created_at, life);
    if random.chance(0.8) && end <= anchor {
        row.closed = true;
        row.closed_at = Some(end);
        row.updated_at = row.updated_at.max(end);
    }
    let afterthought = row.updated_at + random.below(6 * DAY as u64) as i64;
    if random.chance(0.1) && afterthought < anchor {
        row.updated_at = afterthought;
    }
}
