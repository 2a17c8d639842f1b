//! Round after round, and what came of them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use gitlab_sim::random::Random;
use local_stack::{Failed, root};

use crate::checks::secrets;
use crate::families::{Family, Round};
use crate::ground::Ground;
use crate::options::Options;
use crate::tally::Tally;

/// A run of `scripts/chaos`.
pub struct Run {
    options: Options,
    begun: Instant,
    tally: Tally,
}

impl Run {
    /// One that begins now.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            begun: Instant::now(),
            tally: Tally::default(),
        }
    }

    /// Runs all that was asked for, each family beside the others; whether nothing was found.
    ///
    /// # Errors
    /// If the summary can't be written.
    pub fn all(&self) -> Result<bool, Failed> {
        let options = &self.options;
        println!("chaos with seed {}", options.seed);
        let wanted = |family: &Family| options.only.is_none_or(|only| only == *family);
        thread::scope(|scope| {
            for family in Family::ALL.into_iter().filter(wanted) {
                let (folder, tally) = (folder().join(family.name()), &self.tally);
                scope.spawn(move || rounds(options, family, &folder, self.begun, tally));
            }
        });
        self.tell()?;
        Ok(self.tally.is_clean())
    }

    /// Tells what has been counted until now.
    ///
    /// # Errors
    /// If the summary can't be written.
    pub fn tell(&self) -> Result<(), Failed> {
        let summary = folder().join(match self.options.only {
            Some(family) => format!("summary-{}.json", family.name()),
            None => "summary.json".to_owned(),
        });
        self.tally.print(&self.options, self.begun.elapsed());
        self.tally.write(&self.options, self.begun.elapsed(), &summary)?;
        println!("\nas JSON in {}; each family's logs beside it", summary.display());
        Ok(())
    }
}

fn folder() -> PathBuf {
    root().join(".local/chaos")
}

/// The rounds of a family, on one ground until something is found.
fn rounds(options: &Options, family: Family, folder: &Path, begun: Instant, tally: &Tally) {
    let _ = std::fs::remove_dir_all(folder);
    let numbers = match options.round {
        Some(one) => one..one + 1,
        None => 0..options.rounds,
    };
    let mut ground = None;
    for number in numbers {
        if options.limit.is_some_and(|limit| begun.elapsed() >= limit) {
            return;
        }
        if let Err(problem) = one(options, family, number, &mut ground, folder, tally) {
            let found = format!(
                "{} {number}: {problem}\n  again: {}",
                family.name(),
                options.again(family, number)
            );
            eprintln!("\nFOUND in {found}\n");
            tally.found(&found);
            // Whatever is broken there must not be met by the next round.
            ground = None;
        }
    }
}

fn one(
    options: &Options,
    family: Family,
    number: u64,
    ground: &mut Option<Ground>,
    folder: &Path,
    tally: &Tally,
) -> Result<(), Failed> {
    let begun = Instant::now();
    let taken = match ground.take() {
        Some(ground) => ground,
        None => Ground::start(folder)?,
    };
    let mut round = Round {
        number,
        name: format!("{}_{number}", family.name()),
        random: Random::of(options.seed, 800 + family as u64, number),
        short: options.short,
        ground: ground.insert(taken),
        tally,
    };
    let lived = catch_unwind(AssertUnwindSafe(|| family.round(&mut round)));
    let outcome = lived
        .unwrap_or_else(|panic| Err(said(&*panic)))
        .and_then(|()| secrets::none_in(folder));
    tally.round(family.name());
    let took = begun.elapsed().as_secs_f64();
    let word = if outcome.is_ok() { "ok" } else { "FOUND" };
    println!("{:<9} {number:>3}  {word}  {took:.1} s", family.name());
    outcome
}

fn said(panic: &(dyn Any + Send)) -> Failed {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}
