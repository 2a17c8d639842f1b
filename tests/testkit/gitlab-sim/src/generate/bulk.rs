//! Edits of many merge requests at one instant, and runs of hidden ones: what strains paging.

use super::timeline::working_hours;
use super::{Loose, Sizes, add, merge_request};
use crate::data::World;
use crate::instant::{DAY, HOUR, Instant};
use crate::random::Random;

/// Instants of bulk edits, in days before the anchor, with the share of older rows that each one moves. The first is
/// larger than a page when there are two thousand merge requests, so a page has to end amid equal instants.
const EDITS: [(i64, f64); 4] = [(40, 0.09), (12, 0.02), (3, 0.01), (200, 0.03)];

pub fn edits(world: &mut World, sizes: &Sizes) {
    let random = &mut Random::of(sizes.seed, 7, 0);
    for (days, share) in EDITS {
        let at = sizes.anchor - days * DAY + 123_456;
        let chosen: Vec<u64> = world
            .merge_requests
            .iter()
            .filter(|row| row.updated_at < at && random.chance(share))
            .map(|row| row.id)
            .collect();
        for id in chosen {
            world.save(id, at, |_| {});
        }
    }
}

/// Hidden merge requests that follow each other in the order of updates, so that whole pages come back empty.
pub fn hidden_run(world: &mut World, loose: &mut Loose, sizes: &Sizes) {
    let Some(project) = world.projects.iter().next().map(|project| project.id) else {
        return;
    };
    let start: Instant = sizes.anchor - 60 * DAY;
    for (index, created_at) in working_hours(sizes.seed, sizes.hidden_run, start, sizes.anchor)
        .into_iter()
        .enumerate()
    {
        let random = &mut Random::of(sizes.seed, 8, index as u64);
        let place = merge_request::Place {
            index: index + 1_000_000,
            project,
            created_at,
            anchor: sizes.anchor,
            hidden: true,
            eventful: false,
        };
        let mut row = merge_request::make(world, loose, random, &place);
        row.updated_at = sizes.anchor - HOUR + index as i64;
        add(world, row);
    }
}
