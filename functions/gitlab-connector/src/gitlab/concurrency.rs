//! AIMD concurrency limit, with the pauses that the server asks for. See docs/gitlab.md#rate-limits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// At the start.
const FIRST: usize = 4;
/// At most; GitLab counts all of a token's requests together.
const MOST: usize = 16;
/// A slower answer means that the server has enough to do.
const SLOW: Duration = Duration::from_secs(10);
/// A pause that nobody has weighed against the deadline is no longer than that.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// No clock goes further.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// With fewer requests left of what GitLab allows, the rest of its time is waited for.
const RESERVE: u64 = 5;

/// Grows by one after as many good answers as are in flight, and halves when the server has enough.
#[derive(Debug)]
pub struct Concurrency {
    places: Semaphore,
    state: Mutex<ConcurrencyState>,
}

#[derive(Debug)]
struct ConcurrencyState {
    limit: usize,
    good: usize,
    /// Places to take away as soon as they are free.
    owed: usize,
    pause_until: Option<Instant>,
}

impl Concurrency {
    /// Few in flight, no pause.
    pub fn new() -> Self {
        Self {
            places: Semaphore::new(FIRST),
            state: Mutex::new(ConcurrencyState {
                limit: FIRST,
                good: 0,
                owed: 0,
                pause_until: None,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, ConcurrencyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place.
    pub async fn enter(&self) -> SemaphorePermit<'_> {
        self.places.acquire().await.expect("the semaphore is never closed")
    }

    /// Waits out a pause that the server asked for.
    pub async fn pause(&self) {
        loop {
            let until = self.state().pause_until;
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return,
            }
        }
    }

    /// Gives a place back.
    pub fn leave(&self, place: SemaphorePermit<'_>) {
        let mut state = self.state();
        if state.owed > 0 {
            state.owed -= 1;
            place.forget();
        }
    }

    /// After a good answer that took `time`.
    pub fn on_success(&self, time: Duration, headers: &HeaderMap) {
        if let Some(wait) = exhausted(headers) {
            self.pause_for(wait.min(LONGEST_PAUSE));
        }
        if time > SLOW {
            return self.on_overload();
        }
        let mut state = self.state();
        state.good += 1;
        if state.good >= state.limit && state.limit < MOST {
            state.good = 0;
            state.limit += 1;
            if state.owed > 0 {
                state.owed -= 1;
            } else {
                self.places.add_permits(1);
            }
        }
    }

    /// The server has enough to do.
    pub fn on_overload(&self) {
        let mut state = self.state();
        let less = (state.limit / 2).max(1);
        state.owed += state.limit - less;
        (state.limit, state.good) = (less, 0);
    }

    /// The server asks everybody to wait.
    pub fn pause_for(&self, time: Duration) {
        let until = Instant::now() + time.min(LONGEST);
        let mut state = self.state();
        state.pause_until = Some(state.pause_until.map_or(until, |known| known.max(until)));
    }

    #[cfg(test)]
    fn limit(&self) -> usize {
        self.state().limit
    }
}

/// If hardly any request is left of what GitLab allows: the time until it allows more.
fn exhausted(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if number("ratelimit-remaining")? > RESERVE {
        return None;
    }
    until_reset(headers)
}

/// The time until GitLab allows more requests, by its own clock. See docs/gitlab.md#rate-limits.
pub fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let now = httpdate::parse_http_date(text("date")?).ok()?;
    let now = now.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    let reset: u64 = text("ratelimit-reset")?.trim().parse().ok()?;
    Some(Duration::from_secs(reset.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn grows_when_all_is_well_and_halves_when_the_server_has_enough() {
        let concurrency = Concurrency::new();
        let none = HeaderMap::new();
        (0..200).for_each(|_| concurrency.on_success(Duration::ZERO, &none));
        assert_eq!(concurrency.limit(), MOST);
        concurrency.on_overload();
        assert_eq!(concurrency.limit(), MOST / 2);
        concurrency.on_success(Duration::from_secs(11), &none);
        assert_eq!(concurrency.limit(), MOST / 4);
        // The places that are too many go as they come back.
        let mut held = Vec::new();
        for _ in 0..MOST {
            held.push(concurrency.enter().await);
        }
        held.into_iter().for_each(|place| concurrency.leave(place));
        assert_eq!(concurrency.places.available_permits(), MOST / 4);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_before_the_pause_is_over() {
        let concurrency = Concurrency::new();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "784111807"),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        let begun = Instant::now();
        concurrency.on_success(Duration::ZERO, &headers);
        concurrency.pause().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
    }
}
