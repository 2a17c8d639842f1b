//! How much to ask for at once: less when GitLab finds it too much, and more again when it does not.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::gitlab::Error;

/// GitLab serves no larger page.
pub const LARGEST_PAGE: u32 = 100;

/// How many rows to ask for at once.
pub struct PageSize {
    size: AtomicU32,
    /// GitLab's score of a query does not change, so a size that was too complex once is not tried again.
    ceiling: AtomicU32,
}

impl PageSize {
    /// Begins with `size`, which is also the most.
    pub fn new(size: u32) -> Self {
        let size = size.clamp(1, LARGEST_PAGE);
        Self {
            size: AtomicU32::new(size),
            ceiling: AtomicU32::new(size),
        }
    }

    /// The size to ask for now.
    pub fn get(&self) -> u32 {
        self.size.load(Ordering::Relaxed)
    }

    /// After an error to a request for `from` rows: whether a smaller page is worth a try. Of several requests
    /// that met the error at once only one makes the page smaller.
    pub fn shrink(&self, from: u32, error: &Error) -> bool {
        let to = match error {
            Error::TooComplex(_) => from * 4 / 5,
            Error::TooMuch(_) => from / 2,
            _ => return false,
        };
        if to == 0 {
            return false;
        }
        if self
            .size
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .is_err()
        {
            return true;
        }
        tracing::warn!(from, to, "{error}; asking for less");
        if matches!(error, Error::TooComplex(_)) {
            self.ceiling.store(to, Ordering::Relaxed);
        }
        true
    }

    /// After a good page.
    pub fn grow(&self) {
        let size = self.get();
        let ceiling = self.ceiling.load(Ordering::Relaxed);
        self.size.store((size + size / 4 + 1).min(ceiling), Ordering::Relaxed);
    }
}

/// Things that are asked for by name, some at once; half as many where GitLab finds that too much.
pub struct Parts<'a, T>(Vec<&'a [T]>);

impl<'a, T> Parts<'a, T> {
    /// At most `at_once` in one request.
    pub fn of(all: &'a [T], at_once: usize) -> Self {
        Self(all.chunks(at_once).rev().collect())
    }

    /// What to ask for next.
    pub fn next(&mut self) -> Option<&'a [T]> {
        self.0.pop()
    }

    /// After an error about `part`: it is asked for in halves, if that is worth a try.
    ///
    /// # Errors
    /// The error itself, if not.
    pub fn halve(&mut self, part: &'a [T], error: Error) -> Result<(), Error> {
        if part.len() < 2 || !matches!(error, Error::TooMuch(_) | Error::TooComplex(_)) {
            return Err(error);
        }
        tracing::warn!(from = part.len(), "{error}; asking for half of it");
        let (left, right) = part.split_at(part.len() / 2);
        self.0.extend([right, left]);
        Ok(())
    }

    /// Asks for `part` in smaller parts.
    pub fn split(&mut self, part: &'a [T], at_once: usize) {
        self.0.extend(part.chunks(at_once).rev());
    }

    /// Asks for `part` once more.
    pub fn again(&mut self, part: &'a [T]) {
        self.0.push(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_halves_when_slow_and_grows_again_but_not_beyond_what_is_too_complex() {
        let page = PageSize::new(100);
        assert!(page.shrink(page.get(), &Error::TooComplex("252".into())));
        assert_eq!(page.get(), 80);
        assert!(page.shrink(page.get(), &Error::TooMuch("timeout".into())));
        assert_eq!(page.get(), 40);
        (0..10).for_each(|_| page.grow());
        assert_eq!(page.get(), 80);
        while page.shrink(page.get(), &Error::TooMuch("timeout".into())) {}
        assert_eq!(page.get(), 1);
        assert!(!page.shrink(page.get(), &Error::Unavailable("down".into())));
    }

    #[test]
    fn what_is_too_much_is_asked_for_in_halves_and_in_order() {
        let all = [1, 2, 3, 4, 5, 6, 7];
        let mut parts = Parts::of(&all, 4);
        let (mut asked, mut found) = (Vec::new(), Vec::new());
        while let Some(part) = parts.next() {
            asked.push(part.len());
            if part.len() > 1 {
                parts.halve(part, Error::TooMuch("slow".into())).expect("halves");
            } else {
                found.extend_from_slice(part);
            }
        }
        assert_eq!(found, all);
        assert_eq!(asked, [4, 2, 1, 1, 2, 1, 1, 3, 1, 2, 1, 1]);
        assert!(parts.halve(&all[..1], Error::TooMuch("slow".into())).is_err());
        assert!(parts.halve(&all, Error::Unavailable("down".into())).is_err());
    }
}
