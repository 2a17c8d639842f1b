//! The command line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::families::Family;

pub const HELP: &str = "\
usage: scripts/chaos [--short] [--seed N] [--rounds N] [--minutes N] [--only FAMILY] [--round N]

Breaks GitLab, BigQuery and the processes of the pipeline at random, and looks after each round whether anything was
lost: raw tables against GitLab row for row, cursors, marts against marts from scratch, callers, processes, memory, secrets.

  --only FAMILY  gitlab     GitLab misbehaves
                 bigquery   BigQuery misbehaves, behind a proxy
                 kills      processes die, and the disk is full
                 crowd      many at once, and deploys meanwhile
                 poison     GitLab fails at some rows, fields and lists, for a while or for ever
  --rounds N     rounds of each family (default: 10)
  --minutes N    begin no round after so many minutes
  --seed N       every choice follows from it; by default the clock's seconds, which are printed
  --round N      only the round with this number, as a failure tells it
  --short        one small round of each family, with the same seed every time

What happened is printed as a table and written as JSON to .local/chaos, where each family's logs are, too.";

/// The seed of the short form, which is a step of scripts/test.
const SHORT_SEED: u64 = 7;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where every choice comes from.
    pub seed: u64,
    /// Rounds of each family.
    pub rounds: u64,
    /// After this time no round begins.
    pub limit: Option<Duration>,
    /// Only this family.
    pub only: Option<Family>,
    /// Only this round.
    pub round: Option<u64>,
    /// Small rounds.
    pub short: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To run.
    Run(Options),
    /// To explain.
    Help,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence about the first one that is not understood.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
        let (mut seed, mut rounds, mut limit, mut only, mut round, mut short) = (None, None, None, None, None, false);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
            match name.as_str() {
                "--help" | "-h" => return Ok(Asked::Help),
                "--short" => short = true,
                "--seed" => seed = Some(number(value()?)?),
                "--rounds" => rounds = Some(number(value()?)?),
                "--round" => round = Some(number(value()?)?),
                "--minutes" => limit = Some(Duration::from_secs(60 * number(value()?)?)),
                "--only" => {
                    let wanted = value()?;
                    let known = Family::ALL.into_iter().find(|family| family.name() == wanted);
                    only = Some(known.ok_or_else(|| format!("there is no family {wanted}"))?);
                }
                other => return Err(format!("scripts/chaos knows no argument {other}")),
            }
        }
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs())
        };
        let seed = seed.unwrap_or_else(|| if short { SHORT_SEED } else { clock() });
        Ok(Asked::Run(Self {
            seed,
            rounds: rounds.unwrap_or(if short { 1 } else { 10 }),
            limit,
            only,
            round,
            short,
        }))
    }

    /// The command that repeats a round.
    pub fn again(&self, family: Family, round: u64) -> String {
        let short = if self.short { " --short" } else { "" };
        format!(
            "scripts/chaos{short} --seed {} --only {} --round {round}",
            self.seed,
            family.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Asked, String> {
        Options::read(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_failing_rounds_command_asks_for_that_round() {
        let Ok(Asked::Run(options)) = read("--short --minutes 3") else {
            panic!("it is understood")
        };
        let again = options.again(Family::Kills, 4);
        let Ok(Asked::Run(repeated)) = read(again.strip_prefix("scripts/chaos").expect("its name")) else {
            panic!("{again}")
        };
        assert_eq!(
            (repeated.seed, repeated.round, repeated.short),
            (SHORT_SEED, Some(4), true)
        );
        assert_eq!(repeated.only, Some(Family::Kills));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(read("--seed x").is_err() && read("--only weather").is_err() && read("--seed").is_err());
        assert_eq!(read("--help"), Ok(Asked::Help));
    }
}
