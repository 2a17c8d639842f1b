//! Recognises deliveries that come again: because an answer was lost, or because somebody repeats them.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The ids of recent deliveries, in the memory of this process.
#[derive(Debug)]
pub struct RecentIds {
    capacity: usize,
    lifetime: Duration,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    ids: HashSet<String>,
    /// The same ids with their times, oldest first.
    by_age: VecDeque<(Instant, String)>,
}

impl RecentIds {
    /// Remembers each id for `lifetime`, and no more than `capacity` of them: the oldest is forgotten first.
    #[must_use]
    pub fn new(capacity: usize, lifetime: Duration) -> Self {
        Self {
            capacity,
            lifetime,
            memory: Mutex::default(),
        }
    }

    /// Notes `id`. Returns whether it is new.
    pub fn insert(&self, id: &str) -> bool {
        let mut memory = self.memory();
        memory.forget_older_than(self.lifetime);
        if !memory.ids.insert(id.to_owned()) {
            return false;
        }
        memory.by_age.push_back((Instant::now(), id.to_owned()));
        if memory.by_age.len() > self.capacity {
            memory.forget_oldest();
        }
        true
    }

    /// Forgets `id`, whose delivery could not be handled after all, so that the next one is.
    pub fn remove(&self, id: &str) {
        let mut memory = self.memory();
        if memory.ids.remove(id) {
            memory.by_age.retain(|(_, known)| known != id);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn forget_older_than(&mut self, age: Duration) {
        while self.by_age.front().is_some_and(|(at, _)| at.elapsed() > age) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, oldest)) = self.by_age.pop_front() {
            self.ids.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test(start_paused = true)]
    async fn an_id_is_new_once_until_it_is_removed_or_too_old() {
        let recent = RecentIds::new(10, DAY);
        assert!(recent.insert("a") && !recent.insert("a"));
        recent.remove("a");
        assert!(recent.insert("a"));
        tokio::time::sleep(DAY).await;
        assert!(!recent.insert("a"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(recent.insert("a"), "older than a day");
    }

    #[tokio::test]
    async fn the_oldest_makes_room_and_a_repeated_id_takes_none() {
        let recent = RecentIds::new(3, DAY);
        for id in ["a", "b", "c", "c", "c"] {
            recent.insert(id);
        }
        assert!(!recent.insert("a"), "three are remembered");
        assert!(recent.insert("d"));
        assert!(!recent.insert("b") && !recent.insert("d"));
        assert!(recent.insert("a"), "the oldest was forgotten");
        let memory = recent.memory();
        assert_eq!((memory.ids.len(), memory.by_age.len()), (3, 3));
    }
}
