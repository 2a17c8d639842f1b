//! Incremental marts are what they would be if they were built from scratch.

use local_stack::Failed;
use serde_json::json;

use crate::callers;
use crate::ground::Ground;
use crate::programs::Function;
use crate::tally::Tally;
use crate::world::World;

/// The marts that are not built anew in each run.
const INCREMENTAL: [&str; 2] = ["dim_merge_requests", "fct_pipelines"];

/// Builds on what is there, then from scratch, and compares.
///
/// # Errors
/// The first differences, or why it can't be built.
pub fn equal_from_scratch(world: &World, ground: &Ground, trigger: &Function, tally: &Tally) -> Result<(), Failed> {
    let snapshot =
        || -> Result<Vec<Vec<String>>, Failed> { INCREMENTAL.iter().map(|mart| rows(world, ground, mart)).collect() };
    build(trigger, tally, false)?;
    let incremental = snapshot()?;
    build(trigger, tally, true)?;
    for ((mart, found), expected) in INCREMENTAL.iter().zip(incremental).zip(snapshot()?) {
        if expected.is_empty() {
            return Err(format!("{mart} is empty: nothing was compared"));
        }
        if found != expected {
            let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).take(2).collect();
            let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).take(2).collect();
            return Err(format!(
                "{mart} differs from itself built from scratch: it has {extra:#?} instead of {missing:#?}"
            ));
        }
        tally.check("marts equal from scratch");
    }
    Ok(())
}

/// A run that has to go well.
///
/// # Errors
/// If it does not.
pub fn build(trigger: &Function, tally: &Tally, anew: bool) -> Result<(), Failed> {
    match callers::run(tally, &trigger.url, &json!({"full_refresh": anew}), false)? {
        Some((200, _)) => Ok(()),
        other => Err(format!("nothing misbehaves any more, and dbt still fails: {other:?}")),
    }
}

fn rows(world: &World, ground: &Ground, mart: &str) -> Result<Vec<String>, Failed> {
    let cells = ground
        .warehouse
        .cells(&format!("SELECT * FROM {}.{mart}", world.marts))?;
    let mut rows: Vec<String> = cells
        .into_iter()
        .map(|row| serde_json::Value::from(row).to_string())
        .collect();
    rows.sort_unstable();
    Ok(rows)
}
