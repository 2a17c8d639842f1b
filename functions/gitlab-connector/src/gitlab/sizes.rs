//! How many rows of a list to ask for at once: fewer when GitLab finds it too much, and more again when it does not.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What has been learned about pages, by the shape of a list: its field and what is asked of its rows.
#[derive(Debug, Default)]
pub struct PageSizes(Mutex<HashMap<String, Size>>);

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Rows that may be asked for; `None`: as many as one likes.
    most: Option<u32>,
    /// Rows left out since the last good page.
    failed: u32,
}

impl PageSizes {
    fn sizes(&self) -> MutexGuard<'_, HashMap<String, Size>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
            if size.most.is_some_and(|most| most >= super::cost::LARGEST_PAGE) {
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
        let sizes = PageSizes::default();
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
