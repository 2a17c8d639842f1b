//! Processes die at random moments, as crashes and the kernel's memory killer have it: SIGKILL.

use std::thread;
use std::time::{Duration, Instant};

use gitlab_sim::random::Random;
use local_stack::Failed;
use local_stack::processes::below;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Round, full_disk};
use crate::checks::memory::Watch;
use crate::checks::{cursors, marts, processes};
use crate::programs::Function;
use crate::world::World;
use crate::{callers, changes};

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Connector,
    Warehouse,
    Trigger,
    /// The Python process that has dbt loaded.
    Worker,
    /// The process of one run.
    Child,
}

/// What dies in a short round.
const SHORT_DECK: [(Victim, usize); 3] = [(Victim::Connector, 2), (Victim::Warehouse, 1), (Victim::Worker, 1)];
/// What dies in a long one; in which order, the seed says.
const DECK: [(Victim, usize); 5] = [
    (Victim::Connector, 43),
    (Victim::Warehouse, 4),
    (Victim::Child, 2),
    (Victim::Worker, 2),
    (Victim::Trigger, 1),
];
/// How long a run's child may take to appear on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Kills one after the other while syncs and runs are under way; then all has to be well.
pub fn round(round: &mut Round) -> Result<(), Failed> {
    let through = round.ground.direct();
    let mut world = World::start(round, through)?;
    let mut trigger = None;
    for victim in deck(&mut round.random, round.short) {
        changes::some(&world.gitlab, &mut round.random, 4);
        let latency = round.random.below(25);
        world.gitlab.faults(&json!({"latency_ms": latency}))?;
        match victim {
            Victim::Connector => connector(round, &mut world)?,
            Victim::Warehouse => warehouse(round, &world)?,
            Victim::Trigger | Victim::Worker | Victim::Child => {
                let running = match trigger.take() {
                    Some(running) => running,
                    None => first_run(round, &mut world)?,
                };
                trigger = Some(dbt(round, &mut world, running, victim)?);
            }
        }
        if let Err(problem) = cursors::behind_data(&world, round.ground, round.tally) {
            return Err(format!("after {victim:?} was killed: {problem}"));
        }
    }
    world.gitlab.faults(&json!({}))?;
    world.heal(round.ground, round.tally, false)?;
    let running = match trigger {
        Some(running) => running,
        None => first_run(round, &mut world)?,
    };
    let watches = [world.watch(), Watch::begin("dbt-trigger", running.process.id())];
    changes::some(&world.gitlab, &mut round.random, 6);
    if !round.short {
        full_disk::for_the_warehouse(round, &world)?;
    }
    full_disk::for_dbt(round, &running)?;
    world.heal(round.ground, round.tally, false)?;
    marts::equal_from_scratch(&world, round.ground, &running, round.tally)?;
    watches.into_iter().try_for_each(|watch| watch.end(round.tally))
}

fn deck(random: &mut Random, short: bool) -> Vec<Victim> {
    let deck: &[(Victim, usize)] = if short { &SHORT_DECK } else { &DECK };
    let mut cards: Vec<Victim> = deck
        .iter()
        .flat_map(|(victim, count)| std::iter::repeat_n(*victim, *count))
        .collect();
    for place in (1..cards.len()).rev() {
        cards.swap(place, random.below(place as u64 + 1) as usize);
    }
    cards
}

fn connector(round: &mut Round, world: &mut World) -> Result<(), Failed> {
    world.end_lease(round.ground)?;
    let wait = Duration::from_millis(round.random.below(3_000));
    let body = json!({"source": "chaos", "reconcile": round.random.below(4) == 0});
    let (tally, url) = (round.tally, world.connector.url.clone());
    thread::scope(|scope| {
        let call = scope.spawn(|| callers::sync(tally, &url, &body, true));
        thread::sleep(wait);
        world.connector.process.kill();
        call.join().unwrap_or_else(|_| Err("a caller panicked".into()))
    })?;
    tally.kill("gitlab-connector");
    world.connector = world.another_connector(round.ground)?;
    Ok(())
}

fn warehouse(round: &mut Round, world: &World) -> Result<(), Failed> {
    world.end_lease(round.ground)?;
    let wait = Duration::from_millis(round.random.below(3_000));
    let away = Duration::from_millis(round.random.below(1_500));
    let body = json!({"source": "chaos"});
    let (tally, url) = (round.tally, world.connector.url.as_str());
    let ground = &mut *round.ground;
    thread::scope(|scope| {
        let call = scope.spawn(|| callers::sync(tally, url, &body, false));
        thread::sleep(wait);
        ground.warehouse.process.kill();
        thread::sleep(away);
        let restarted = ground.restart();
        let called = call.join().unwrap_or_else(|_| Err("a caller panicked".into()));
        restarted.and(called)
    })?;
    tally.kill("warehouse");
    Ok(())
}

/// A dbt-trigger that has built the marts once, of what a whole sync brought.
fn first_run(round: &Round, world: &mut World) -> Result<Function, Failed> {
    world.heal(round.ground, round.tally, false)?;
    let trigger = world.trigger(round.ground)?;
    marts::build(&trigger, round.tally, false)?;
    Ok(trigger)
}

fn dbt(round: &mut Round, world: &mut World, mut trigger: Function, victim: Victim) -> Result<Function, Failed> {
    let wait = Duration::from_millis(round.random.below(3_000));
    let (tally, url) = (round.tally, trigger.url.clone());
    let function = trigger.process.id();
    let idle = below(function);
    let may_die = victim == Victim::Trigger;
    let killed = thread::scope(|scope| {
        let call = scope.spawn(|| callers::run(tally, &url, &json!({}), may_die));
        let child = new_below(function, &idle);
        thread::sleep(wait);
        let family = below(function);
        let killed = match victim {
            Victim::Trigger => {
                trigger.process.kill();
                true
            }
            Victim::Worker => kill(idle.first().copied().or(child)),
            _ => kill(child),
        };
        let called = call.join().unwrap_or_else(|_| Err("a caller panicked".into()));
        let left = match victim {
            Victim::Trigger => processes::gone(&family, tally),
            Victim::Worker => processes::gone(&idle, tally),
            _ => child.map_or(Ok(()), |child| processes::gone(&[child], tally)),
        };
        called.and(left).map(|()| killed)
    })?;
    if killed {
        tally.kill(match victim {
            Victim::Trigger => "dbt-trigger",
            Victim::Worker => "dbt worker",
            _ => "dbt child",
        });
    }
    if may_die {
        trigger = world.trigger(round.ground)?;
    }
    Ok(trigger)
}

/// The child of the run that begins.
fn new_below(function: u32, idle: &[u32]) -> Option<u32> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(child) = below(function).into_iter().find(|pid| !idle.contains(pid)) {
            return Some(child);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Whether it was there to be killed.
fn kill(pid: Option<u32>) -> bool {
    let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}
