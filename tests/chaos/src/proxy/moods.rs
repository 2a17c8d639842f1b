//! What a proxy does to what passes through it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gitlab_sim::random::Random;

/// One thing that can happen to a request, or to a piece of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// BigQuery answers so instead; 503 or 429.
    Refuse(u16),
    /// The connection is reset before the warehouse sees anything.
    ResetBefore,
    /// The warehouse has done it, and the connection is reset instead of the answer.
    ResetAfter,
    /// The answer comes so many milliseconds later.
    Slow(u64),
}

impl Mood {
    /// Its name in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse(429) => "bigquery 429",
            Self::Refuse(_) => "bigquery 503",
            Self::ResetBefore => "bigquery reset before",
            Self::ResetAfter => "bigquery reset after",
            Self::Slow(_) => "bigquery slow",
        }
    }
}

/// Moods with their chances, drawn from a seed.
#[derive(Debug, Default)]
pub struct Moods(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    random: Option<Random>,
    rest: Vec<(Mood, u64)>,
    storage: Vec<(Mood, u64)>,
    done: BTreeMap<&'static str, u64>,
}

impl Moods {
    /// From now on these happen, each with a chance in a thousand, to requests and to pieces of gRPC connections.
    pub fn set(&self, seed: u64, rest: Vec<(Mood, u64)>, storage: Vec<(Mood, u64)>) {
        let mut state = self.state();
        state.random = Some(Random::of(seed, 820, 0));
        (state.rest, state.storage) = (rest, storage);
    }

    /// From now on nothing happens.
    pub fn calm(&self) {
        let mut state = self.state();
        state.rest.clear();
        state.storage.clear();
    }

    /// What happened since the last call.
    pub fn take_done(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.state().done)
    }

    /// What happens to a request.
    pub(super) fn rest(&self) -> Option<Mood> {
        self.draw(|state| &state.rest)
    }

    /// What happens to a piece of a gRPC connection: `sent` by a function, or by the warehouse.
    pub(super) fn storage(&self, sent: bool) -> Option<Mood> {
        let fits = |mood: &Mood| match mood {
            Mood::ResetBefore => sent,
            Mood::ResetAfter | Mood::Slow(_) => !sent,
            Mood::Refuse(_) => false,
        };
        let mood = self.draw(|state| &state.storage)?;
        fits(&mood).then_some(mood)
    }

    /// Counts what was done.
    pub(super) fn did(&self, name: &'static str) {
        *self.state().done.entry(name).or_default() += 1;
    }

    fn draw(&self, of: impl Fn(&State) -> &Vec<(Mood, u64)>) -> Option<Mood> {
        let mut state = self.state();
        if of(&state).is_empty() {
            return None;
        }
        let mut drawn = state.random.as_mut()?.below(1000);
        for (mood, chance) in of(&state) {
            if drawn < *chance {
                return Some(*mood);
            }
            drawn -= chance;
        }
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
