//! The version of a project that was looked at last. A good one is not checked again. A broken one is, after
//! ever longer pauses: what broke it may pass (packages that can't be fetched for a while, a slow start) or
//! stay (a model that can't be parsed), and dbt's words don't tell which.

use std::time::Duration;

use tokio::time::Instant;

/// The longest pause between two checks of a broken version.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What became of the last version.
#[derive(Debug)]
pub struct CheckedVersion {
    version: String,
    /// The pause after the first failure.
    first: Duration,
    /// When a broken version is checked again, and how long the pause until then is.
    again: Option<(Instant, Duration)>,
}

impl CheckedVersion {
    /// No version was looked at; `first` is the first pause.
    pub fn none(first: Duration) -> Self {
        Self {
            version: String::new(),
            first: first.min(LONGEST),
            again: None,
        }
    }

    /// Whether `version` is to be checked now.
    pub fn is_due(&self, version: &str) -> bool {
        self.version != version || self.again.is_some_and(|(at, _)| Instant::now() >= at)
    }

    /// Notes a good version.
    pub fn is_good(&mut self, version: &str) {
        version.clone_into(&mut self.version);
        self.again = None;
    }

    /// Notes a broken version; the pause until it is checked again.
    pub fn is_broken(&mut self, version: &str) -> Duration {
        let pause = match self.again {
            Some((_, pause)) if self.version == version => (pause * 2).min(LONGEST),
            _ => self.first,
        };
        version.clone_into(&mut self.version);
        self.again = Some((Instant::now() + pause, pause));
        pause
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_good_version_is_checked_once_and_another_one_at_once() {
        let mut checked = CheckedVersion::none(Duration::from_secs(60));
        assert!(checked.is_due("a"));
        checked.is_good("a");
        advance(LONGEST * 9).await;
        assert!(!checked.is_due("a") && checked.is_due("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_version_is_checked_again_after_ever_longer_pauses() {
        let mut checked = CheckedVersion::none(Duration::from_secs(60));
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pause = checked.is_broken("a");
            pauses.push(pause.as_secs());
            advance(pause - Duration::from_millis(1)).await;
            assert!(!checked.is_due("a"), "too soon: {pause:?}");
            assert!(checked.is_due("b"), "another version need not wait");
            advance(Duration::from_millis(1)).await;
            assert!(checked.is_due("a"));
        }
        assert_eq!(pauses, [60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(
            checked.is_broken("b"),
            Duration::from_secs(60),
            "each version has its own"
        );
        checked.is_good("b");
        assert!(!checked.is_due("b"));
    }
}
