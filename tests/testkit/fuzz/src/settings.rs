//! How much is tried.

use std::path::PathBuf;
use std::time::Duration;

/// The short form, which runs with the other unit tests.
const CASES: u64 = 20_000;
const TIME: Duration = Duration::from_secs(3);

/// How much is tried, and in which order.
#[derive(Debug)]
pub struct Settings {
    pub seed: u64,
    pub cases: u64,
    pub time: Duration,
    /// Only this input.
    pub only: Option<PathBuf>,
}

impl Settings {
    /// From the environment.
    pub fn read() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let (cases, minutes) = (number("FUZZ_CASES"), number("FUZZ_MINUTES"));
        Self {
            seed: number("FUZZ_SEED").unwrap_or(1),
            cases: cases.unwrap_or(if minutes.is_some() { u64::MAX } else { CASES }),
            time: match minutes {
                Some(minutes) => Duration::from_secs(minutes.saturating_mul(60)),
                None if cases.is_some() => Duration::MAX,
                None => TIME,
            },
            only: std::env::var_os("FUZZ_CASE").map(PathBuf::from),
        }
    }
}
