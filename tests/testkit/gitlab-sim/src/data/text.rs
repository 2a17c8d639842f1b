//! Texts that are written out only when somebody reads them.
//!
//! A large simulated GitLab holds millions of comments; keeping a seed instead of the words keeps it small and quick
//! to build.

use std::borrow::Cow;

use super::words;

/// A text of a row.
#[derive(Clone, Debug)]
pub enum Text {
    /// As it stands.
    Plain(Box<str>),
    /// A comment made up from a seed.
    Comment(u32),
    /// A description of that many bytes at least, made up from a seed.
    Description { seed: u32, bytes: u32 },
}

impl Text {
    pub fn plain(text: impl Into<Box<str>>) -> Self {
        Self::Plain(text.into())
    }

    pub fn read(&self) -> Cow<'_, str> {
        match self {
            Self::Plain(text) => Cow::Borrowed(text),
            Self::Comment(seed) => Cow::Owned(words::comment(*seed)),
            Self::Description { seed, bytes } => Cow::Owned(words::description(*seed, *bytes as usize)),
        }
    }
}
