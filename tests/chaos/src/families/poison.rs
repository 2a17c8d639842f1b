//! GitLab fails at some rows, fields and lists, or gives odd texts, for a while or for ever.

use local_stack::Failed;
use serde_json::{Value, json};

use super::{Round, gitlab};
use crate::checks::others;
use crate::poisons::{self, Blind, Failing, Tables};
use crate::world::World;
use crate::{callers, changes};

/// Complete syncs after which all that can be read has to be there.
const COMPLETE: usize = 2;
/// Syncs that may be tried until so many are complete.
const SYNCS: usize = 6;

/// Some syncs of a GitLab that fails at some things, the first one among them or not; then it fails at nothing.
pub fn round(round: &mut Round) -> Result<(), Failed> {
    let through = round.ground.direct();
    let world = World::with(round, others::REST, through)?;
    if round.random.below(2) == 0 {
        world.heal(round.ground, round.tally, false)?;
    }
    let mut failing: Vec<Failing> = Vec::new();
    for _ in 0..if round.short { 1 } else { 2 } {
        failing.retain(|failing| failing.for_ever);
        let tables = others::of_gitlab(&world)?;
        let more = poisons::some(&mut round.random, &tables, &failing);
        failing.extend(more);
        poisons::set(&world.gitlab, &failing)?;
        // Every row is asked for.
        let body = json!({"source": "chaos", "full_refresh": true, "reconcile": true, "confirm_deletions": true});
        let warnings = sync(round, &world, &failing, &body)?;
        let (tables, before) = (others::of_gitlab(&world)?, others::of_warehouse(&world, round.ground));
        let blind: Vec<Blind> = failing.iter().filter_map(|failing| failing.blind(&tables)).collect();
        others::named(&blind, &before, &warnings, "the answer", round.tally)?;
        let gaps = others::of_ledger(&world, round.ground)?;
        others::named(&blind, &before, &gaps, "the ledger", round.tally)?;
        changes::some(&world.gitlab, &mut round.random, 8);
        let body = json!({"source": "chaos", "reconcile": true, "confirm_deletions": true});
        sync(round, &world, &failing, &body)?;
        gitlab::count(&world.gitlab, round.tally)?;
    }
    world.gitlab.faults(&json!({}))?;
    // Nothing tells that a text was odd before: GitLab would have to change its row.
    world.heal(round.ground, round.tally, true)?;
    let (there, now) = (others::of_gitlab(&world)?, others::of_warehouse(&world, round.ground));
    others::equal(&there, &now, &now, &[], round.tally)?;
    match &others::of_ledger(&world, round.ground)?[..] {
        [] => Ok(()),
        gaps => Err(format!("nothing fails any more, and the ledger names {gaps:?}")),
    }
}

/// Syncs until all that can be read is there, which may take one more; what they have named until the first complete
/// one.
fn sync(round: &Round, world: &World, failing: &[Failing], body: &Value) -> Result<Vec<String>, Failed> {
    let (mut warnings, mut complete) = (Vec::new(), 0);
    let mut last = "no sync comes to its end".to_owned();
    let mut body = body.clone();
    for _ in 0..SYNCS {
        let there = others::of_gitlab(world)?;
        let before = before(round, world);
        let answer = callers::sync(round.tally, &world.connector.url, &body, false)?;
        let (status, answer) = answer.unwrap_or_default();
        if status != 200 {
            last = format!("one thing that fails stopped all others: {status} {answer:#}");
            break;
        }
        if complete == 0 {
            warnings.extend(named(&answer));
        }
        body["full_refresh"] = json!(false);
        if answer["complete"] == false {
            continue;
        }
        complete += 1;
        let blind: Vec<Blind> = failing.iter().filter_map(|failing| failing.blind(&there)).collect();
        let now = others::of_warehouse(world, round.ground);
        match others::equal(&there, &before, &now, &blind, round.tally) {
            Ok(()) => return Ok(warnings),
            Err(difference) => last = difference,
        }
        if complete == COMPLETE {
            break;
        }
    }
    Err(format!("{last}; GitLab fails at {failing:?}"))
}

/// What the tables hold; nothing before the first sync.
fn before(round: &Round, world: &World) -> Tables {
    let table = format!("SELECT id FROM {}.issues LIMIT 1", world.raw);
    match round.ground.warehouse.query(&table) {
        Ok(_) => others::of_warehouse(world, round.ground),
        Err(_) => others::tables().map(|table| (table, Vec::new())).collect(),
    }
}

fn named(answer: &Value) -> Vec<String> {
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    let what = warnings.filter_map(|warning| warning["what"].as_str());
    what.map(str::to_owned).collect()
}
