//! A string that must never be printed.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret such as a token: printing it, in any way, gives `***`.
///
/// Equality takes the same time wherever two secrets of one length differ, so a caller can't find a
/// token letter by letter. (The length itself is not hidden: it is not worth hiding.)
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in constant time.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }

    /// The number of bytes, to judge a token's strength without looking at it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is a text that someone was meant to replace, see [`looks_like_placeholder`].
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        looks_like_placeholder(&self.0)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
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

/// Whole values that documentation, templates and tutorials use in a secret's place.
const PLACEHOLDERS: &[&str] = &[
    "api-key",
    "auth-token",
    "bearer",
    "change-me",
    "changeit",
    "changeme",
    "default",
    "dummy",
    "example",
    "fixme",
    "foo",
    "foobar",
    "glpat-xxx",
    "insert-token-here",
    "my-secret",
    "my-token",
    "none",
    "null",
    "password",
    "placeholder",
    "replace-me",
    "replaceme",
    "sample",
    "secret",
    "tbd",
    "todo",
    "token",
    "undefined",
];

/// Whether `value` is a placeholder that somebody forgot to replace: `changeme`, `your-token`,
/// `<token>`, `${TOKEN}`, `xxxx` … Such a value would leave a function open to everyone who reads
/// documentation.
#[must_use]
pub fn looks_like_placeholder(value: &str) -> bool {
    let value = value.trim().to_lowercase().replace(['_', ' '], "-");
    let bracketed = [
        ("<", ">"),
        ("[", "]"),
        ("{", "}"),
        ("${", "}"),
        ("{{", "}}"),
        ("%", "%"),
    ]
    .iter()
    .any(|(open, close)| value.len() > open.len() && value.starts_with(open) && value.ends_with(close));
    let mut letters = value.chars().filter(|c| *c != '-');
    let one_letter = letters.next().is_some_and(|first| letters.all(|c| c == first));
    bracketed
        || one_letter
        || PLACEHOLDERS.contains(&value.as_str())
        || value.starts_with("your-")
        || value.starts_with("change-me")
        || value.starts_with("changeme")
        || value.starts_with("replace-with")
        || value.starts_with("glpat-xxx")
        || value.ends_with("-here")
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
    fn placeholders_are_known() {
        for value in [
            "changeme",
            "CHANGE_ME",
            "change-me-please",
            "your-token",
            "your_auth_token",
            "<token>",
            "${AUTH_TOKEN}",
            "secret",
            "xxxxxxxx",
            "token",
            "put-your-token-here",
            "...",
            "****",
            "glpat-xxxxxxxxxxxx",
        ] {
            assert!(looks_like_placeholder(value), "{value}");
        }
    }

    #[test]
    fn real_and_test_tokens_are_let_through() {
        for value in [
            "test-token",
            "demo-token-1",
            "glpat-Ab3dEf",
            "3f9c2b7a90",
            "s3cr3t!",
            "",
        ] {
            assert!(!looks_like_placeholder(value), "{value}");
        }
    }
}
