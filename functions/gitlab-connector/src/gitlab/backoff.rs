//! How long to wait before another try of a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double with each try; half of each is by chance, so that many callers spread out.
#[derive(Debug)]
pub struct Backoff(AtomicU64);

impl Backoff {
    /// Of which nobody knows the waits before.
    pub fn by_chance() -> Self {
        Self::seeded(uuid::Uuid::new_v4().as_u64_pair().0)
    }

    /// The same seed gives the same waits.
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The wait after a failed try; the first one is number 1.
    pub fn wait(&self, attempt: u32) -> Duration {
        let full = FIRST.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST);
        full.mul_f64(0.5 + self.chance() / 2.0)
    }

    /// From 0 to 1, by SplitMix64 (Steele, Lea, Flood 2014).
    fn chance(&self) -> f64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
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
