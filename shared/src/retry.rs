//! Trying again. The loop is `backon`'s; which errors are worth another attempt is decided where they are known,
//! at the call:
//!
//! ```
//! use std::time::Duration;
//! use mergemind_shared::retry::{Retryable, exponential};
//!
//! # #[derive(Debug)] struct Error { passing: bool }
//! # async fn fetch() -> Result<(), Error> { Ok(()) }
//! # async fn example() -> Result<(), Error> {
//! fetch
//!     .retry(exponential(Duration::from_millis(500), 4))
//!     .when(|error| error.passing)
//!     .notify(|error, wait| tracing::warn!("{error:?}; trying again in {wait:?}"))
//!     .await
//! # }
//! ```
//!
//! `.adjust(…)` takes a wait that the server names instead (`Retry-After`).

use std::time::Duration;

pub use backon::{BackoffBuilder, ExponentialBuilder, Retryable};

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(30);

/// At most `attempts` in all, with waits that double from `first` up to 30 s. A random part of up to the same length
/// is added to each wait, so that many callers spread out; `.with_jitter_seed(…)` makes that part repeatable.
#[must_use]
pub const fn exponential(first: Duration, attempts: usize) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(LONGEST)
        .with_max_times(attempts.saturating_sub(1))
        .with_jitter()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn waits_double_spread_and_repeat_with_their_seed() {
        let waits = |seed| -> Vec<Duration> {
            let policy = exponential(Duration::from_millis(500), 9).with_jitter_seed(seed);
            policy.build().collect()
        };
        let some = waits(7);
        assert_eq!(some, waits(7));
        assert_ne!(some, waits(8));
        let least = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map(Duration::from_millis);
        assert_eq!(some.len(), least.len());
        for (wait, least) in some.iter().zip(least) {
            assert!(*wait >= least && *wait <= least * 2, "{wait:?} of {least:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_passes_is_tried_again_and_not_for_ever() {
        for (passing, attempts) in [(true, 4), (false, 1)] {
            let made = Cell::new(0);
            let failing = || async {
                made.set(made.get() + 1);
                Err::<(), bool>(passing)
            };
            let policy = exponential(Duration::from_millis(300), 4);
            assert!(failing.retry(policy).when(|passing| *passing).await.is_err());
            assert_eq!(made.get(), attempts);
        }
    }
}
