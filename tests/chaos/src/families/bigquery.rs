//! BigQuery misbehaves, behind a proxy: refuses, loses requests and answers, is slow, loses stage tables.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gitlab_sim::random::Random;
use local_stack::Failed;
use serde_json::json;

use super::{Round, stages};
use crate::checks::{cursors, marts};
use crate::proxy::Mood;
use crate::world::{World, seed};
use crate::{callers, changes};

/// Rounds of which one has dbt run through the proxy, too.
const WITH_DBT: u64 = 3;

/// Some syncs, the first one among them, over a line that is not to be relied upon; then all has to be well.
pub fn round(round: &mut Round) -> Result<(), Failed> {
    let through = round.ground.proxies.addresses.clone();
    let mut world = World::start(round, through)?;
    let outcome = steps(round, &mut world);
    round.ground.proxies.moods.calm();
    outcome
}

fn steps(round: &mut Round, world: &mut World) -> Result<(), Failed> {
    let mut watch = None;
    for step in 0..if round.short { 1 } else { 3 } {
        if step > 0 {
            changes::some(&world.gitlab, &mut round.random, 8);
        }
        misbehave(round, world)?;
        cursors::behind_data(world, round.ground, round.tally)?;
        if step % 2 == 0 {
            world.heal(round.ground, round.tally, false)?;
            watch.get_or_insert_with(|| world.watch());
        }
    }
    watch.map_or(Ok(()), |watch| watch.end(round.tally))?;
    if round.short || !round.number.is_multiple_of(WITH_DBT) {
        return Ok(());
    }
    let trigger = world.trigger(round.ground)?;
    marts::build(&trigger, round.tally, false)?;
    changes::some(&world.gitlab, &mut round.random, 8);
    world.heal(round.ground, round.tally, false)?;
    set_moods(round);
    callers::run(round.tally, &trigger.url, &json!({}), false)?;
    calm(round);
    marts::equal_from_scratch(world, round.ground, &trigger, round.tally)
}

fn misbehave(round: &mut Round, world: &World) -> Result<(), Failed> {
    let body = json!({"source": "chaos", "reconcile": round.random.below(3) == 0});
    let mut changing = Random::of(seed(&mut round.random), 840, 0);
    let mut stealing = Random::of(seed(&mut round.random), 841, 0);
    let thief = round.random.below(2) == 0;
    set_moods(round);
    let (tally, ground, ended) = (round.tally, &*round.ground, AtomicBool::new(!thief));
    let outcome = thread::scope(|scope| {
        scope.spawn(|| changes::slowly(&world.gitlab, &mut changing));
        let thief = scope.spawn(|| stages::steal(&ground.warehouse.rest, &world.raw, &mut stealing, &ended));
        let outcome = callers::sync(tally, &world.connector.url, &body, false);
        ended.store(true, Ordering::Relaxed);
        tally.faults("bigquery stage table lost", thief.join().unwrap_or_default());
        outcome
    });
    calm(round);
    outcome.map(|_| ())
}

fn set_moods(round: &mut Round) {
    let random = &mut round.random;
    let mut chance = |most: u64| random.below(3).min(1) * random.below(most);
    let rest = vec![
        (Mood::Refuse(503), chance(120)),
        (Mood::Refuse(429), chance(80)),
        (Mood::ResetBefore, chance(80)),
        (Mood::ResetAfter, chance(120)),
        (Mood::Slow(1_500), chance(60)),
    ];
    let storage = vec![
        (Mood::ResetBefore, chance(80)),
        (Mood::ResetAfter, chance(80)),
        (Mood::Slow(800), chance(60)),
    ];
    round.ground.proxies.moods.set(seed(&mut round.random), rest, storage);
}

fn calm(round: &Round) {
    round.ground.proxies.moods.calm();
    for (name, count) in round.ground.proxies.moods.take_done() {
        round.tally.faults(name, count);
    }
}
