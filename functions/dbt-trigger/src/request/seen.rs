//! Events that were taken already: they come again, when an answer was lost or somebody repeats them.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Fivetran tries again for 24 hours.
const REMEMBERED: Duration = Duration::from_secs(25 * 3_600);
/// The most events that are remembered.
const LIMIT: usize = 20_000;

/// Remembers events by their ids.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    ids: HashSet<String>,
    in_order: VecDeque<(Instant, String)>,
}

impl Seen {
    /// Notes an event; whether it is new.
    pub fn is_new(&self, id: &str) -> bool {
        let mut memory = self.memory();
        while memory.in_order.front().is_some_and(|(at, _)| at.elapsed() > REMEMBERED) || memory.in_order.len() >= LIMIT
        {
            if let Some((_, oldest)) = memory.in_order.pop_front() {
                memory.ids.remove(&oldest);
            }
        }
        let new = memory.ids.insert(id.to_owned());
        if new {
            memory.in_order.push_back((Instant::now(), id.to_owned()));
        }
        new
    }

    /// Forgets an event that could not be taken after all, so that its next delivery is.
    pub fn forget(&self, id: &str) {
        let mut memory = self.memory();
        memory.ids.remove(id);
        memory.in_order.retain(|(_, known)| known != id);
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_is_new_once_and_memory_has_an_end() {
        let seen = Seen::default();
        assert!(seen.is_new("a") && !seen.is_new("a"));
        seen.forget("a");
        assert!(seen.is_new("a"));
        tokio::time::sleep(REMEMBERED + Duration::from_secs(1)).await;
        assert!(seen.is_new("a"), "forgotten after a day");
        for i in 0..LIMIT + 5 {
            seen.is_new(&i.to_string());
        }
        assert!(seen.memory().ids.len() <= LIMIT && seen.memory().in_order.len() <= LIMIT);
    }
}
