//! Many at once: syncs, triggers and webhooks, while new instances take the place of old ones.

use std::thread;
use std::time::Duration;

use local_stack::processes::below;
use local_stack::{Failed, http};
use serde_json::{Value, json};

use super::Round;
use crate::callers::{self, Answer};
use crate::changes;
use crate::checks::memory::Watch;
use crate::checks::{cursors, marts, processes};
use crate::programs::{Function, HOOK_TOKEN, TRIGGER_TOKEN};
use crate::tally::Tally;
use crate::world::World;

/// Syncs at once.
const SYNCS: usize = 8;
/// Changes at once, of which most are told by webhooks.
const WEBHOOKS: usize = 12;
/// How long GitLab's deliveries and stopping instances may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Two crowds, and one with a deploy in its middle; then all has to be well, and every caller has an answer.
pub fn round(round: &mut Round) -> Result<(), Failed> {
    let through = round.ground.direct();
    let mut world = World::start(round, through)?;
    world.heal(round.ground, round.tally, false)?;
    let mut trigger = world.trigger(round.ground)?;
    if !round.short {
        marts::build(&trigger, round.tally, false)?;
        // The largest share of memory comes with the first crowd.
        crowd(round, &mut world, &mut trigger, false)?;
    }
    let watches = [world.watch(), Watch::begin("dbt-trigger", trigger.process.id())];
    crowd(round, &mut world, &mut trigger, false)?;
    watches.into_iter().try_for_each(|watch| watch.end(round.tally))?;
    crowd(round, &mut world, &mut trigger, true)?;
    cursors::behind_data(&world, round.ground, round.tally)?;
    world.heal(round.ground, round.tally, false)?;
    if round.short {
        return Ok(());
    }
    marts::equal_from_scratch(&world, round.ground, &trigger, round.tally)
}

fn crowd(round: &mut Round, world: &mut World, trigger: &mut Function, deploy: bool) -> Result<(), Failed> {
    world.gitlab.faults(&json!({"latency_ms": 40}))?;
    let hooks = format!("{}/_sim/hooks", world.gitlab.url);
    let hook = json!({"url": format!("{}/webhook", world.connector.url), "token": HOOK_TOKEN});
    let (status, answer) = http::post(&hooks, None, &hook)?;
    if status != 201 {
        return Err(format!("GitLab refuses a webhook: {status} {answer}"));
    }
    let triggers = if round.short { 200 } else { 1_000 };
    let wait = Duration::from_millis(300 + round.random.below(2_500));
    let order = json!({"source": "chaos", "select": "stg_gitlab__projects", "exclude": "resource_type:test"});
    let (tally, syncing, running) = (round.tally, world.connector.url.clone(), trigger.url.clone());
    let (ground, random) = (&*round.ground, &mut round.random);
    let (replaced, syncs, runs) = thread::scope(|scope| {
        let small = || thread::Builder::new().stack_size(256 << 10);
        let body = json!({"source": "chaos"});
        let (syncing, running, order) = (&syncing, &running, &order);
        let syncs: Vec<_> = (0..SYNCS)
            .filter_map(|_| {
                let body = body.clone();
                small()
                    .spawn_scoped(scope, move || callers::sync(tally, syncing, &body, false))
                    .ok()
            })
            .collect();
        let runs: Vec<_> = (0..triggers)
            .filter_map(|_| {
                let call = move || callers::answered(tally, http::post(running, Some(TRIGGER_TOKEN), order), false);
                small().spawn_scoped(scope, call).ok()
            })
            .collect();
        for _ in 0..WEBHOOKS {
            changes::one(&world.gitlab, random);
        }
        thread::sleep(wait);
        let replaced = deploy.then(|| -> Result<_, Failed> {
            let new = (world.another_connector(ground)?, world.trigger(ground)?);
            world.connector.process.ask_to_end();
            trigger.process.ask_to_end();
            Ok(new)
        });
        let joined = |handle: thread::ScopedJoinHandle<'_, Result<Option<Answer>, Failed>>| {
            handle.join().unwrap_or_else(|_| Err("a caller panicked".into()))
        };
        let syncs: Vec<_> = syncs.into_iter().map(joined).collect();
        let runs: Vec<_> = runs.into_iter().map(joined).collect();
        (replaced.transpose(), syncs, runs)
    });
    let syncs = syncs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let runs = runs.into_iter().collect::<Result<Vec<_>, _>>()?;
    if syncs.len() != SYNCS || runs.len() != triggers {
        return Err(format!(
            "only {} of {SYNCS} and {} of {triggers} could call",
            syncs.len(),
            runs.len()
        ));
    }
    expect(&syncs, &runs, deploy)?;
    if let Some((connector, another)) = replaced? {
        ended(std::mem::replace(&mut world.connector, connector), round.tally)?;
        ended(std::mem::replace(trigger, another), round.tally)?;
        round.tally.faults("deploys", 2);
    }
    let answered = deliveries(&hooks)?;
    for status in answered {
        // What arrived while the old instance was gone has no answer: GitLab delivers it again, or a sync makes up for it.
        match status {
            200..=599 => round.tally.caller("answered webhooks"),
            _ if deploy => round.tally.caller("webhooks to an instance that was gone"),
            _ => return Err("a webhook got no answer".into()),
        }
    }
    http::delete(&hooks)?;
    world.gitlab.faults(&json!({}))
}

/// One sync works and the others are told so; all triggers are served, or told that the instance ends.
fn expect(syncs: &[Option<Answer>], runs: &[Option<Answer>], deploy: bool) -> Result<(), Failed> {
    let done = syncs.iter().flatten().filter(|(status, _)| *status == 200).count();
    let refused = syncs.iter().flatten().filter(|(status, _)| *status == 409).count();
    // A webhook's own look at GitLab may be the one that works.
    if !deploy && done + refused != SYNCS {
        let odd = syncs.iter().flatten().find(|(status, _)| !matches!(status, 200 | 409));
        return Err(format!("{done} syncs worked and {refused} were refused: {odd:?}"));
    }
    let served =
        |(status, body): &&Answer| *status == 200 || (deploy && (*status == 503 || body["code"] == "stopping"));
    match runs.iter().flatten().find(|answer| !served(answer)) {
        Some(odd) => Err(format!("a trigger was answered so: {odd:?}")),
        None => Ok(()),
    }
}

/// Waits for an instance that was asked to end.
fn ended(mut function: Function, tally: &Tally) -> Result<(), Failed> {
    let begun = std::time::Instant::now();
    let below = below(function.process.id());
    while function.process.runs() {
        if begun.elapsed() > PATIENCE {
            return Err("an instance that was asked to end still runs".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    processes::gone(&below, tally)
}

/// The statuses of all deliveries, when none is under way any more.
fn deliveries(hooks: &str) -> Result<Vec<u64>, Failed> {
    let begun = std::time::Instant::now();
    loop {
        let (_, list) = http::get(hooks)?;
        let list = list.as_array().cloned().unwrap_or_default();
        if list.iter().all(|hook| hook["pending"] == 0) {
            let all = list
                .iter()
                .flat_map(|hook| hook["deliveries"].as_array().cloned().unwrap_or_default());
            return Ok(all
                .map(|one: Value| one["status"].as_u64().unwrap_or_default())
                .collect());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("webhooks are still under way: {list:?}"));
        }
        thread::sleep(Duration::from_millis(100));
    }
}
