//! The ways in which things break.

mod bigquery;
mod crowd;
mod full_disk;
mod gitlab;
mod kills;
mod poison;
mod stages;

use gitlab_sim::random::Random;
use local_stack::Failed;

use crate::ground::Ground;
use crate::tally::Tally;

/// A way in which things break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// GitLab misbehaves.
    Gitlab,
    /// BigQuery misbehaves.
    Bigquery,
    /// Processes die.
    Kills,
    /// Many at once.
    Crowd,
    /// GitLab fails at some things for ever.
    Poison,
}

/// One round of a family; all its choices come from `random`.
pub struct Round<'a> {
    /// Its number.
    pub number: u64,
    /// A name for datasets.
    pub name: String,
    /// Where choices come from.
    pub random: Random,
    /// Whether to be quick.
    pub short: bool,
    /// What it stands on.
    pub ground: &'a mut Ground,
    /// What is counted.
    pub tally: &'a Tally,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Gitlab, Self::Bigquery, Self::Kills, Self::Crowd, Self::Poison];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Bigquery => "bigquery",
            Self::Kills => "kills",
            Self::Crowd => "crowd",
            Self::Poison => "poison",
        }
    }

    /// Runs a round.
    ///
    /// # Errors
    /// What was lost, or what else should not be.
    pub fn round(self, round: &mut Round) -> Result<(), Failed> {
        match self {
            Self::Gitlab => gitlab::round(round),
            Self::Bigquery => bigquery::round(round),
            Self::Kills => kills::round(round),
            Self::Crowd => crowd::round(round),
            Self::Poison => poison::round(round),
        }
    }
}
