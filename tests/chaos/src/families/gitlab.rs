//! GitLab misbehaves: in its answers, its times, its limits and its pages.

use std::thread;

use gitlab_sim::random::Random;
use local_stack::{Failed, Gitlab};
use serde_json::{Value, json};

use super::Round;
use crate::checks::cursors;
use crate::tally::Tally;
use crate::world::{World, seed};
use crate::{callers, changes};

/// Moods of GitLab for one sync.
struct Moods {
    faults: Value,
    /// Whether answers may look well and be wrong.
    lies: bool,
}

/// Some syncs of a GitLab that misbehaves, the first one among them; then all has to be well.
pub fn round(round: &mut Round) -> Result<(), Failed> {
    let through = round.ground.direct();
    let world = World::start(round, through)?;
    let mut watch = None;
    let mut lied = false;
    for step in 0..if round.short { 2 } else { 4 } {
        if step > 0 {
            changes::some(&world.gitlab, &mut round.random, 8);
        }
        let moods = moods(&mut round.random, round.short);
        lied |= moods.lies;
        world.gitlab.faults(&moods.faults)?;
        misbehave(round, &world)?;
        count(&world.gitlab, round.tally)?;
        world.gitlab.faults(&json!({}))?;
        if lied {
            world.heal(round.ground, round.tally, true)?;
            lied = false;
        } else {
            cursors::behind_data(&world, round.ground, round.tally)?;
            if step % 2 == 0 {
                continue;
            }
            world.heal(round.ground, round.tally, false)?;
        }
        watch.get_or_insert_with(|| world.watch());
    }
    world.heal(round.ground, round.tally, false)?;
    watch.map_or(Ok(()), |watch| watch.end(round.tally))
}

fn misbehave(round: &mut Round, world: &World) -> Result<(), Failed> {
    let body = json!({"source": "chaos", "reconcile": round.random.below(4) == 0});
    let mut random = Random::of(seed(&mut round.random), 830, 0);
    let tally = round.tally;
    thread::scope(|scope| {
        scope.spawn(|| changes::slowly(&world.gitlab, &mut random));
        callers::sync(tally, &world.connector.url, &body, false)
    })?;
    Ok(())
}

fn moods(random: &mut Random, short: bool) -> Moods {
    let (mut rules, mut lies) = (Vec::new(), false);
    for _ in 0..1 + random.below(5) {
        let (mut rule, lie) = rule(random);
        rule["after"] = json!(random.below(25));
        rule["times"] = json!(1 + random.below(3));
        rules.push(rule);
        lies |= lie;
    }
    let mut faults = json!({"rules": rules, "latency_ms": random.below(30), "jitter_ms": random.below(30)});
    let mut sometimes = |one_in: u64, name: &str, value: Value| {
        if random.below(one_in) == 0 {
            faults[name] = value;
        }
    };
    let (slow, lag, ahead) = (20_000 + 10_000 * (lies as u64), 2_500, 7_200);
    sometimes(4, "bytes_per_second", json!(slow));
    sometimes(4, "lag_ms", json!(lag));
    sometimes(4, "clock_ahead_s", json!(ahead));
    sometimes(4, "clock_ahead_s", json!(-ahead));
    if !short {
        // Then it has to wait for the next minute.
        sometimes(8, "rate_limit", json!(15));
    }
    Moods { faults, lies }
}

/// A fault, and whether it looks well.
fn rule(random: &mut Random) -> (Value, bool) {
    let too_complex =
        json!({"errors": [{"message": "Query has complexity of 300, which exceeds max complexity of 250"}]});
    let status = |status: u16| json!({"fault": "status", "status": status});
    match random.below(18) {
        0 => (json!({"fault": "status", "status": 429, "retry_after": 1}), false),
        1 => (status(429), false),
        2 => (status(500), false),
        3 => (status(502), false),
        4 => (status(503), false),
        5 => (json!({"fault": "status", "status": 200, "body": too_complex}), false),
        6 => (json!({"fault": "reset"}), false),
        7 => (json!({"fault": "truncate"}), false),
        8 => (json!({"fault": "hang", "ms": random.below(3_000)}), false),
        9 => (json!({"fault": "invalid_json"}), false),
        10 => (json!({"fault": "html"}), false),
        11 => (json!({"fault": "html", "status": 200}), false),
        12 => (json!({"fault": "partial"}), false),
        13 => (json!({"fault": "expired_token"}), false),
        14 => (json!({"fault": "null", "seed": seed(random)}), true),
        15 => (json!({"fault": "wrong_type", "seed": seed(random)}), true),
        16 => (json!({"fault": "repeated_page"}), true),
        _ => (json!({"fault": "missing_page"}), true),
    }
}

/// Counts the faults that really hit a request.
pub fn count(gitlab: &Gitlab, tally: &Tally) -> Result<(), Failed> {
    let stats = gitlab.stats()?;
    for (name, count) in stats["faults"].as_object().into_iter().flatten() {
        tally.faults(&format!("gitlab {name}"), count.as_u64().unwrap_or_default());
    }
    gitlab.stats_reset()
}
