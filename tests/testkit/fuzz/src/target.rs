//! One thing that is tried.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::corpus;
use crate::failure::{Broken, attempt, keep, shrink};
use crate::mutate::{Mutator, Shape};
use crate::random::Random;
use crate::settings::Settings;

/// How many inputs with new outcomes are kept beside the corpus.
const POOL: usize = 400;
/// Larger inputs are not mutated further.
const KEPT_BYTES: usize = 16 * 1024;
/// Outcomes differ endlessly where a text holds a part of the input; more are not told apart.
const OUTCOMES: usize = 2_000;
/// No input may take longer; most take microseconds, and machines are busy.
const SLOW: Duration = Duration::from_secs(5);

/// One thing that is tried.
#[derive(Debug)]
pub struct Target {
    name: &'static str,
    shape: Shape,
    words: Vec<&'static str>,
    reaches: Vec<&'static str>,
    cost: u64,
}

impl Target {
    /// A target whose corpus is in the folder `name`.
    pub fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            words: Vec::new(),
            reaches: Vec::new(),
            cost: 1,
        }
    }

    /// Texts that mean something to what is tried.
    #[must_use]
    pub fn words(mut self, words: &[&'static str]) -> Self {
        self.words.extend(words);
        self
    }

    /// Beginnings of outcomes that must occur: without them the run would prove nothing.
    #[must_use]
    pub fn reaches(mut self, outcomes: &[&'static str]) -> Self {
        self.reaches.extend(outcomes);
        self
    }

    /// One input takes so many times as long as most targets' do: so many times fewer are tried.
    #[must_use]
    pub fn costs(mut self, times: u64) -> Self {
        self.cost = times;
        self
    }

    /// Tries the corpus, and then what grows out of it.
    ///
    /// # Panics
    /// If `check` does, or takes too long, with the command that repeats it; or if an outcome never occurred.
    pub fn run(self, check: impl Fn(&[u8]) -> String) {
        let settings = Settings::read();
        if let Some(path) = &settings.only {
            let input = std::fs::read(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
            println!("{}: {}", self.name, check(&input));
            return;
        }
        let mut outcomes = BTreeMap::<String, u64>::new();
        let mut pool = Vec::new();
        for (path, input) in corpus::of(self.name) {
            match self.timed(&check, &input) {
                Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
                Err(broken) => panic!(
                    "{} failed: {}\nrun it again: scripts/fuzz --case {}",
                    self.name,
                    broken.message,
                    path.display()
                ),
            }
            pool.push(input);
        }
        let mutator = Mutator::new(self.shape, &self.words);
        let samples = pool.len();
        let mut random = Random::new(settings.seed);
        let begun = Instant::now();
        let mut tried = 0;
        while tried < settings.cases / self.cost && begun.elapsed() < settings.time {
            let input = mutator.mutate(&pool, &mut random);
            match self.timed(&check, &input) {
                Ok(outcome) => {
                    if let Some(count) = outcomes.get_mut(&outcome) {
                        *count += 1;
                    } else if outcomes.len() < OUTCOMES {
                        outcomes.insert(outcome, 1);
                        if pool.len() < samples + POOL && input.len() < KEPT_BYTES {
                            pool.push(input);
                        }
                    }
                }
                Err(broken) => self.fail(&check, &input, &broken, settings.seed, tried),
            }
            tried += 1;
        }
        self.tell(&outcomes, samples, tried, begun.elapsed());
    }

    fn fail(&self, check: &impl Fn(&[u8]) -> String, input: &[u8], broken: &Broken, seed: u64, case: u64) -> ! {
        let smallest = shrink(check, input, broken);
        let path = keep(self.name, &smallest);
        panic!(
            "{name} failed at case {case} of seed {seed}: {message}\n  {shown}\n\
             run it again: scripts/fuzz --case {path}\n\
             once it is mended, keep it: cp {path} tests/testkit/fuzz/corpus/{name}/",
            name = self.name,
            message = broken.message,
            shown = String::from_utf8_lossy(&smallest).chars().take(400).collect::<String>(),
            path = path.display(),
        );
    }

    fn tell(&self, outcomes: &BTreeMap<String, u64>, samples: usize, tried: u64, time: Duration) {
        let per_second = tried as f64 / time.as_secs_f64().max(1e-6);
        println!(
            "{}: {tried} cases in {:.1} s ({per_second:.0}/s) from {samples} samples, {} outcomes",
            self.name,
            time.as_secs_f64(),
            outcomes.len()
        );
        if std::env::var_os("FUZZ_OUTCOMES").is_some() {
            for (outcome, count) in outcomes {
                println!("  {count:>9} {outcome}");
            }
        }
        for wanted in &self.reaches {
            assert!(
                outcomes.keys().any(|outcome| outcome.starts_with(wanted)),
                "{}: no input came to '{wanted}', only to {:?}",
                self.name,
                outcomes.keys().take(40).collect::<Vec<_>>()
            );
        }
    }

    fn timed(&self, check: &impl Fn(&[u8]) -> String, input: &[u8]) -> Result<String, Broken> {
        let limit = SLOW * u32::try_from(self.cost.clamp(1, 12)).unwrap_or(1);
        attempt(
            &|input: &[u8]| {
                let begun = Instant::now();
                let outcome = check(input);
                let time = begun.elapsed();
                assert!(time < limit, "{} bytes took {time:?}", input.len());
                outcome
            },
            input,
        )
    }
}
