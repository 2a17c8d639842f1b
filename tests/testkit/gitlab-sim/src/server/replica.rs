//! A database replica that lags behind: GitLab reads from one, so a row may become visible after a newer one.

use std::collections::VecDeque;
use std::sync::{Mutex, RwLock, RwLockReadGuard};

use super::{lock, reading, writing};
use crate::changes::{Change, apply};
use crate::data::World;
use crate::instant::{self, Instant};

pub struct Replica {
    world: RwLock<World>,
    lag: Mutex<Lag>,
}

#[derive(Default)]
struct Lag {
    /// Microseconds; 0 while there is no replica.
    behind: i64,
    /// Changes that the primary has made and the replica has not.
    waiting: VecDeque<(Instant, Change)>,
}

impl Replica {
    pub fn none() -> Self {
        Self {
            world: RwLock::new(World::empty()),
            lag: Mutex::default(),
        }
    }

    /// From now on reads see the world as it was so many milliseconds ago; with 0 they see it as it is.
    pub fn set(&self, milliseconds: u64, primary: &World) {
        let mut lag = lock(&self.lag);
        let fresh = lag.behind == 0 && milliseconds > 0;
        lag.behind = i64::try_from(milliseconds).map_or(i64::MAX, |ms| ms.saturating_mul(1000));
        if fresh {
            *writing(&self.world) = primary.clone();
        } else if milliseconds == 0 {
            lag.waiting.clear();
            *writing(&self.world) = World::empty();
        }
    }

    /// Takes a change that the primary has made, to be made here later.
    pub fn follow(&self, change: &Change, at: Instant) {
        let mut lag = lock(&self.lag);
        if lag.behind > 0 {
            lag.waiting.push_back((at, change.clone()));
        }
    }

    /// The world as the replica has it; none if reads go to the primary.
    pub fn read(&self) -> Option<RwLockReadGuard<'_, World>> {
        let mut lag = lock(&self.lag);
        if lag.behind == 0 {
            return None;
        }
        let until = instant::now().saturating_sub(lag.behind);
        let due = lag.waiting.iter().take_while(|(at, _)| *at <= until).count();
        for (at, change) in lag.waiting.drain(..due) {
            // It is made of the same world as on the primary, where it succeeded.
            let _ = apply(&mut writing(&self.world), &change, at);
        }
        Some(reading(&self.world))
    }
}
