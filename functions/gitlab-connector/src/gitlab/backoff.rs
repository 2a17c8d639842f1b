//! How long to wait before another try of a request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double with each try; half of each is by chance, so that many callers spread out.
#[derive(Debug)]
pub struct Backoff(Mutex<Rng>);

impl Backoff {
    /// Unseeded: waits are not reproducible.
    pub fn by_chance() -> Self {
        Self(Mutex::new(Rng::new()))
    }

    /// The same seed gives the same waits.
    #[cfg(test)]
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
    }

    /// The wait after a failed try; the first one is number 1.
    pub fn wait(&self, attempt: u32) -> Duration {
        let full = FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST);
        let chance = self.0.lock().unwrap_or_else(PoisonError::into_inner).f64();
        full.mul_f64(0.5 + chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_spread_and_repeat_with_their_seed() {
        let waits = |backoff: &Backoff| (1..=40).map(|attempt| backoff.wait(attempt)).collect::<Vec<_>>();
        let some = waits(&Backoff::seeded(7));
        assert_eq!(some, waits(&Backoff::seeded(7)));
        assert_ne!(some, waits(&Backoff::seeded(8)));
        for (wait, full) in some
            .iter()
            .zip([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
        {
            let full = Duration::from_millis(full);
            assert!(*wait >= full / 2 && *wait <= full, "{wait:?} of {full:?}");
        }
    }
}
