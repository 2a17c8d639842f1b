//! How much to ask for at once: queries up to the score that GitLab allows, and of a list fewer rows when GitLab finds it
//! too much, and more again when it does not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gitlab::cost::{LARGEST_PAGE, USUAL_LIMIT};
use crate::gitlab::list::Connection;

/// Queries of so small a score are never too complex, whatever an answer says.
const LOWEST_SCORE: u32 = 40;

/// What is known of how much GitLab gives at once.
#[derive(Debug)]
pub struct Limits {
    /// The highest score of a query that GitLab takes from this token.
    score: AtomicU32,
    /// By the shape of a list: its field and what is asked of its rows.
    sizes: Mutex<HashMap<String, Size>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            score: AtomicU32::new(USUAL_LIMIT),
            sizes: Mutex::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Rows that may be asked for; `None`: as many as one likes.
    most: Option<u32>,
    /// Rows left out since the last good page.
    failed: u32,
}

impl Limits {
    fn sizes(&self) -> MutexGuard<'_, HashMap<String, Size>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest score of a query that GitLab takes from this token.
    pub fn score(&self) -> u32 {
        self.score.load(Ordering::Relaxed)
    }

    /// How many rows of a list GitLab can give at once, as far as is known.
    pub fn page_size(&self, list: &Connection) -> u32 {
        self.of(&list.shape()).unwrap_or(LARGEST_PAGE)
    }

    /// Notes the limit that GitLab tells.
    pub fn set_score(&self, limit: u32) {
        self.score.store(limit.max(1), Ordering::Relaxed);
    }

    /// After GitLab refused a query that scores `ours` by our count, in these words: such as "Query has complexity of
    /// 252, which exceeds max complexity of 250". Tells whether less may be asked for now; a small query is no reason.
    pub fn lower_score(&self, ours: u32, said: &str) -> bool {
        if ours <= LOWEST_SCORE {
            return false;
        }
        let numbers: Vec<u32> = said
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|text| text.parse().ok())
            .collect();
        let score = match numbers[..] {
            // It may count what we don't, so its limit is taken in proportion.
            [theirs, most] if most < theirs => u64::from(ours) * u64::from(most) / u64::from(theirs),
            _ => u64::from(ours) * 4 / 5,
        };
        let score = u32::try_from(score).unwrap_or(ours).clamp(LOWEST_SCORE, ours - 1);
        self.score.fetch_min(score, Ordering::Relaxed);
        tracing::warn!(ours, score, "{said}; asking for less at once");
        true
    }

    /// How many rows may be asked for, if that is bounded.
    pub fn of(&self, shape: &str) -> Option<u32> {
        self.sizes().get(shape)?.most
    }

    /// From now on only so many.
    pub fn set(&self, shape: &str, most: u32) {
        self.sizes().entry(shape.to_owned()).or_default().most = Some(most.max(1));
    }

    /// After a good page of `asked` rows: some more next time.
    pub fn grow(&self, shape: &str, asked: u32) {
        let mut sizes = self.sizes();
        if let Some(size) = sizes.get_mut(shape) {
            size.failed = 0;
            size.most = size.most.map(|most| most.max(asked + asked / 4 + 1));
            if size.most.is_some_and(|most| most >= LARGEST_PAGE) {
                sizes.remove(shape);
            }
        }
    }

    /// After a row was left out: how many were since the last good page.
    pub fn fail(&self, shape: &str) -> u32 {
        let mut sizes = self.sizes();
        let size = sizes.entry(shape.to_owned()).or_default();
        size.failed += 1;
        size.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_was_too_much_is_smaller_for_a_while() {
        let sizes = Limits::default();
        assert_eq!(sizes.of("issues"), None);
        sizes.set("issues", 12);
        sizes.grow("issues", 12);
        assert_eq!((sizes.of("issues"), sizes.of("notes")), (Some(16), None));
        (0..20).for_each(|_| sizes.grow("issues", sizes.of("issues").unwrap_or(100)));
        assert_eq!(sizes.of("issues"), None);
        assert_eq!((sizes.fail("issues"), sizes.fail("issues")), (1, 2));
        sizes.grow("issues", 1);
        assert_eq!(sizes.fail("issues"), 1);
    }
}
