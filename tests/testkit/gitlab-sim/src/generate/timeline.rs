//! When things happen: mostly on weekdays between eight and seven, as people work.

use std::collections::BTreeSet;

use crate::instant::{DAY, HOUR, Instant, SECOND, weekday};
use crate::random::Random;

/// Chance of work by hour of the day (UTC).
const HOURS: [f64; 24] = [
    0.01, 0.01, 0.0, 0.0, 0.0, 0.01, 0.05, 0.25, 0.6, 0.9, 1.0, 0.9, 0.55, 0.8, 1.0, 0.95, 0.8, 0.5, 0.25, 0.15, 0.12,
    0.1, 0.05, 0.02,
];

/// `count` ascending instants between `start` and `end`, shaped by working hours.
pub fn working_hours(seed: u64, count: u32, start: Instant, end: Instant) -> Vec<Instant> {
    let mut random = Random::of(seed, 2, 0);
    let span = (end - start - HOUR).max(1) as u64;
    let mut instants: Vec<Instant> = (0..count)
        .map(|_| {
            loop {
                let at = start + random.below(span) as i64;
                let hour = (at.rem_euclid(DAY) / HOUR) as usize;
                let day = if weekday(at) < 5 { 1.0 } else { 0.06 };
                if random.chance(HOURS[hour] * day) {
                    return at;
                }
            }
        })
        .collect();
    instants.sort_unstable();
    instants
}

/// The next moment at work, `after` plus about `delay`: what falls into a night or a weekend moves on.
pub fn at_work(random: &mut Random, after: Instant, delay: i64) -> Instant {
    let mut at = after + delay.max(SECOND);
    for _ in 0..40 {
        let hour = (at.rem_euclid(DAY) / HOUR) as usize;
        if weekday(at) < 5 && HOURS[hour] >= 0.1 || random.chance(0.05) {
            break;
        }
        at += 3 * HOUR + random.below(HOUR as u64) as i64;
    }
    at
}

/// `count` different numbers below `total`.
pub fn sample(seed: u64, total: u32, count: u32) -> BTreeSet<u32> {
    let mut random = Random::of(seed, 3, 0);
    let mut chosen = BTreeSet::new();
    while (chosen.len() as u32) < count.min(total) {
        chosen.insert(random.below(u64::from(total)) as u32);
    }
    chosen
}
