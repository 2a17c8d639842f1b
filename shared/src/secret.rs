//! A string that must never be printed.

mod google;
mod placeholder;
mod reference;

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) use google::keep_fresh;
pub use google::{SecretError, SecretManager};
pub use placeholder::looks_like_placeholder;
pub use reference::Reference;
pub(crate) use reference::SCHEME;

/// A secret such as a token: printing it, in any way, gives `***`.
///
/// Clones share one value, so that a secret which [`SecretManager`] re-reads is new for everybody who
/// holds it. Equality takes the same time wherever two secrets of one length differ, so a caller can't
/// find a token letter by letter. (The length itself is not hidden: it is not worth hiding.)
#[derive(Clone)]
pub struct Secret(Arc<SharedSecret>);

/// What is wrong with a value, as the end of a sentence that begins with its name, and never with the value.
pub(crate) type Rule = fn(&str) -> Result<(), String>;

struct SharedSecret {
    /// `None` while a reference is not resolved: then nothing matches it.
    value: RwLock<Option<Arc<str>>>,
    reference: Option<Reference>,
    /// Who can read it again; set when it was read.
    manager: OnceLock<SecretManager>,
    /// When it was last read again.
    renewed_at: Mutex<Option<Instant>>,
    /// What a value must be, see [`Secret::require`].
    rule: OnceLock<Rule>,
}

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        let value: String = value.into();
        Self::with(Some(value.into()), None)
    }

    /// A secret that lives in Secret Manager; empty until it is read from there.
    #[must_use]
    pub fn referring(reference: Reference) -> Self {
        Self::with(None, Some(reference))
    }

    /// Where it lives, if that is Secret Manager.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        self.0.reference.as_ref()
    }

    /// Whether [`Secret::renew`] may find another value.
    #[must_use]
    pub fn may_change(&self) -> bool {
        self.reference().is_some_and(Reference::can_change)
    }

    /// The secret itself as it is now, for the one place that sends or compares it: ask again for
    /// every use, because it may be renewed. Empty while a reference is not resolved.
    #[must_use]
    pub fn expose(&self) -> Arc<str> {
        self.value().unwrap_or_default()
    }

    /// Whether `candidate` is this secret, in constant time. Nothing is an unresolved one.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.value()
            .is_some_and(|value| value.as_bytes().ct_eq(candidate).into())
    }

    /// The number of bytes, to judge a token's strength without looking at it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is a text that someone was meant to replace, see [`looks_like_placeholder`].
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        looks_like_placeholder(&self.expose())
    }

    /// Demands that the value, now and whenever it is read again, keeps `rule`.
    pub(crate) fn require(&self, rule: Rule) {
        let _ = self.0.rule.set(rule);
    }

    /// What is wrong with the value, as the end of a sentence that begins with its name, and never with the value.
    ///
    /// # Errors
    /// If it is a placeholder, or breaks its rule. An unresolved reference does neither.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.value().map_or(Ok(()), |value| self.judge(&value))
    }

    /// The same of `value`, which would replace this one's.
    fn judge(&self, value: &str) -> Result<(), String> {
        if looks_like_placeholder(value) {
            return Err("is a placeholder, not a secret; put the real value in its place".into());
        }
        self.0.rule.get().map_or(Ok(()), |rule| rule(value))
    }

    fn with(value: Option<Arc<str>>, reference: Option<Reference>) -> Self {
        Self(Arc::new(SharedSecret {
            value: RwLock::new(value),
            reference,
            manager: OnceLock::new(),
            renewed_at: Mutex::default(),
            rule: OnceLock::new(),
        }))
    }

    fn value(&self) -> Option<Arc<str>> {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Renews the value; whether it is another one.
    fn replace(&self, value: &str) -> bool {
        if self.matches(value.as_bytes()) {
            return false;
        }
        *self.0.value.write().unwrap_or_else(PoisonError::into_inner) = Some(value.into());
        true
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose().as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_shows_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    }

    #[test]
    fn equality_is_by_value() {
        let secret = Secret::new("abc");
        assert!(secret.matches(b"abc"));
        assert!(!secret.matches(b"abd") && !secret.matches(b"ab") && !secret.matches(b""));
        assert_eq!(secret, Secret::new("abc"));
    }

    #[test]
    fn an_unresolved_reference_matches_nothing() {
        let secret = Secret::referring(Reference::parse("sm://projects/p/secrets/s").expect("valid"));
        assert!(!secret.matches(b"") && secret.is_empty());
        let clone = secret.clone();
        assert!(secret.replace("abc") && !secret.replace("abc"));
        assert!(clone.matches(b"abc"), "clones share the value");
    }
}
