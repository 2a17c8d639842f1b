//! Round after round, and what came of them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use gitlab_sim::random::Random;
use local_stack::{Failed, root};

use crate::checks::secrets;
use crate::families::{Family, Round};
use crate::ground::Ground;
use crate::options::Options;
use crate::tally::Tally;

/// Runs all that was asked for; whether nothing was found.
///
/// # Errors
/// If it could not even be tried.
pub fn all(options: &Options) -> Result<bool, Failed> {
    let folder = root().join(".local/chaos");
    let (begun, tally) = (Instant::now(), Tally::default());
    println!("chaos with seed {}", options.seed);
    let mut problems = Vec::new();
    let families = Family::ALL
        .into_iter()
        .filter(|family| options.only.is_none_or(|only| only == *family));
    let rounds = match options.round {
        Some(one) => one..one + 1,
        None => 0..options.rounds,
    };
    // In turns, so that a limit of time cuts all families alike.
    let mut grounds: Vec<(Family, Option<Ground>)> = families.map(|family| (family, None)).collect();
    for (family, _) in &grounds {
        let _ = std::fs::remove_dir_all(folder.join(family.name()));
    }
    for number in rounds {
        for (family, ground) in &mut grounds {
            if options.limit.is_some_and(|limit| begun.elapsed() >= limit) {
                continue;
            }
            if let Err(problem) = one(options, *family, number, ground, &folder, &tally) {
                let again = options.again(*family, number);
                eprintln!("\nFOUND in {} {number}: {problem}\nagain: {again}\n", family.name());
                tally.found(&format!("{} {number}: {problem}; again: {again}", family.name()));
                problems.push(again);
                // Whatever is broken there must not be met by the next round.
                *ground = None;
            }
        }
    }
    drop(grounds);
    let summary = folder.join(match options.only {
        Some(family) => format!("summary-{}.json", family.name()),
        None => "summary.json".to_owned(),
    });
    tally.print(options, begun.elapsed());
    tally.write(options, begun.elapsed(), &summary)?;
    println!("\nas JSON in {}; each family's logs beside it", summary.display());
    for again in &problems {
        println!("again: {again}");
    }
    Ok(problems.is_empty())
}

fn one(
    options: &Options,
    family: Family,
    number: u64,
    ground: &mut Option<Ground>,
    folder: &Path,
    tally: &Tally,
) -> Result<(), Failed> {
    let (begun, folder) = (Instant::now(), folder.join(family.name()));
    let taken = match ground.take() {
        Some(ground) => ground,
        None => Ground::start(&folder)?,
    };
    let ground = ground.insert(taken);
    let mut round = Round {
        number,
        name: format!("{}_{number}", family.name()),
        random: Random::of(options.seed, 800 + family as u64, number),
        short: options.short,
        ground,
        tally,
    };
    let outcome =
        catch_unwind(AssertUnwindSafe(|| family.round(&mut round))).unwrap_or_else(|panic| Err(said(&*panic)));
    let outcome = outcome.and_then(|()| secrets::none_in(&folder));
    tally.round(family.name());
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{:<9} {number:>3}  {}  {took:.1} s",
        family.name(),
        if outcome.is_ok() { "ok" } else { "FOUND" }
    );
    outcome
}

fn said(panic: &(dyn Any + Send)) -> Failed {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}
