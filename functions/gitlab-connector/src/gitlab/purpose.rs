//! What requests are for.

use std::borrow::Cow;

/// What lists are asked for.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// What requests are counted under.
    pub stream: &'static str,
    /// Names the query in GitLab's logs.
    pub operation: Cow<'static, str>,
}

impl Purpose {
    /// For the sake of this stream.
    pub fn new(stream: &'static str, operation: impl Into<Cow<'static, str>>) -> Self {
        let operation = operation.into();
        Self { stream, operation }
    }
}
