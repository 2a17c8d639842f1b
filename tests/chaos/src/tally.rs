//! What happened, counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use local_stack::Failed;
use serde_json::{Value, json};

use crate::options::Options;

/// Counts of everything; shared by all threads.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    groups: BTreeMap<&'static str, BTreeMap<String, u64>>,
    differences: Vec<String>,
    /// The most that a process grew from its first healed sync to the end of a round, in KiB.
    growth: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// A round ended.
    pub fn round(&self, family: &str) {
        self.add("rounds", family, 1);
    }

    /// Faults of a kind were done.
    pub fn faults(&self, kind: &str, count: u64) {
        self.add("faults", kind, count);
    }

    /// A process was killed.
    pub fn kill(&self, process: &str) {
        self.add("kills", process, 1);
    }

    /// A sync ended so.
    pub fn sync(&self, outcome: &str) {
        self.add("syncs", outcome, 1);
    }

    /// A caller got an answer, or was cut off by a kill.
    pub fn caller(&self, outcome: &str) {
        self.add("callers", outcome, 1);
    }

    /// Something was looked at and found well.
    pub fn check(&self, what: &str) {
        self.add("checks", what, 1);
    }

    /// Something was found that should not be.
    pub fn found(&self, what: &str) {
        self.counts().differences.push(what.to_owned());
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.counts().differences.is_empty()
    }

    /// A process grew by so many KiB.
    pub fn grew(&self, process: &'static str, kib: u64) {
        let mut counts = self.counts();
        let most = counts.growth.entry(process).or_default();
        *most = kib.max(*most);
    }

    fn add(&self, group: &'static str, name: &str, count: u64) {
        if count > 0 {
            let mut counts = self.counts();
            *counts
                .groups
                .entry(group)
                .or_default()
                .entry(name.to_owned())
                .or_default() += count;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A table for people.
    pub fn print(&self, options: &Options, took: Duration) {
        let counts = self.counts();
        println!("\nseed {}, {:.0} s", options.seed, took.as_secs_f64());
        for (group, named) in &counts.groups {
            let total: u64 = named.values().sum();
            println!("{group:<12} {total:>6}");
            for (name, count) in named {
                println!("  {name:<28} {count:>6}");
            }
        }
        for (process, kib) in &counts.growth {
            println!("{:<12} {:>6} MiB at most", format!("{process} grew"), kib / 1024);
        }
        println!("{:<12} {:>6}", "differences", counts.differences.len());
        for difference in &counts.differences {
            println!("  {difference}");
        }
    }

    /// The same for programs.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, options: &Options, took: Duration, path: &Path) -> Result<(), Failed> {
        let counts = self.counts();
        let mut all = json!({
            "seed": options.seed,
            "short": options.short,
            "elapsed_s": took.as_secs(),
            "growth_kib": counts.growth,
            "differences": counts.differences,
        });
        for (group, named) in &counts.groups {
            all[*group] = json!(named);
        }
        let text = serde_json::to_string_pretty::<Value>(&all).map_err(|e| e.to_string())?;
        std::fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }
}
