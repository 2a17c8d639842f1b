//! Makes guessing slow, without making anybody wait who belongs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use mergemind_shared::ApiError;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The wait of the first failure, which doubles with each one that follows soon.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// One failure is forgotten in this time.
const FORGET: Duration = Duration::from_secs(1);
/// How many refusals may wait; more are told so at once, which costs us least.
const WAITING: usize = 100;

/// Counts failures of all callers together: behind a proxy addresses tell nothing.
#[derive(Debug)]
pub struct Throttle {
    failures: Mutex<(u32, Instant)>,
    waiting: Semaphore,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            failures: Mutex::new((0, Instant::now())),
            waiting: Semaphore::new(WAITING),
        }
    }
}

impl Throttle {
    /// Returns `refusal` after a while, or 429 at once if many wait already.
    pub async fn refuse(&self, refusal: ApiError) -> ApiError {
        let wait = self.count();
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "too many calls with a wrong token or none",
            )
            .with_header(RETRY_AFTER, HeaderValue::from_static("5"));
        };
        tokio::time::sleep(wait).await;
        refusal
    }

    fn count(&self) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = *failures;
        let forgotten = last.elapsed().as_secs() / FORGET.as_secs();
        let count = count.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
        *failures = (count.saturating_add(1).min(20), Instant::now());
        FIRST.saturating_mul(1 << count.min(10)).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_are_slowed_and_forgotten() {
        let throttle = Throttle::default();
        let waits: Vec<_> = (0..8).map(|_| throttle.count().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(throttle.count(), FIRST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_turned_away_at_once() {
        let throttle = Arc::new(Throttle::default());
        let attempts: Vec<_> = (0..300)
            .map(|_| {
                let throttle = throttle.clone();
                tokio::spawn(async move { throttle.refuse(ApiError::unauthorized("no")).await.status().as_u16() })
            })
            .collect();
        let mut refused = 0;
        for attempt in attempts {
            refused += usize::from(attempt.await.expect("an answer") == 429);
        }
        assert_eq!(refused, 300 - WAITING);
    }
}
