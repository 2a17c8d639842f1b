//! Why GitLab did not give what was asked.

use std::fmt;
use std::sync::Arc;

use axum::http::StatusCode;
use mergemind_shared::ApiError;
use serde_json::Value;

use crate::gitlab::lacking::UnknownField;

/// An answer of which GitLab could not give a part.
#[derive(Clone, Debug, PartialEq)]
pub struct Partial {
    /// The data, with null in the places of errors.
    pub data: Value,
    pub faults: Vec<Fault>,
}

/// One of GitLab's errors beside data.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where it is: keys, and places in lists. Empty if GitLab does not say.
    pub path: Vec<Value>,
    pub message: String,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.faults
                .first()
                .map_or("an error without a message", |fault| &fault.message),
        )
    }
}

/// An error of GitLab, sorted by what can be done about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The token is wrong, expired, revoked, or lacks the scope.
    #[error("GitLab refuses GITLAB_TOKEN ({0})")]
    Unauthorized(String),
    /// The group or project does not exist, or the token may not see it; GitLab does not tell which.
    #[error("GitLab knows no {0} that this token may read")]
    ScopeNotFound(String),
    /// A list that this project or group does not offer, or not to this token.
    #[error("GitLab does not offer this list here ({0})")]
    Absent(String),
    /// GitLab scores the query too high: the same query never passes, a smaller page may do.
    #[error("GitLab refuses so complex a query: {0}")]
    TooComplex(String),
    /// GitLab does not know these fields, and refuses the whole query.
    #[error("GitLab does not know {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    UnknownFields(Arc<[UnknownField]>),
    /// The query took GitLab too long: a smaller page may do.
    #[error("GitLab could not answer so much at once: {0}")]
    TooMuch(String),
    /// GitLab keeps failing at a part of what was asked, and gave the rest.
    #[error("GitLab fails at a part of its answer: {0}")]
    Partial(Arc<Partial>),
    /// GitLab fails at one row or field of a list, and gave the rest.
    #[error("GitLab fails at it, so it is left out: {0}")]
    LeftOut(String),
    /// A list that could not be read before, and is not tried now.
    #[error("GitLab could not give it: {0}")]
    Unread(String),
    /// GitLab can't be reached, or keeps failing.
    #[error("GitLab is not available: {0}")]
    Unavailable(String),
    /// Something before GitLab refuses: a proxy, a firewall, a page to sign in at.
    #[error("something before GitLab refuses: {0}")]
    Blocked(String),
    /// The address leads to another one.
    #[error("GITLAB_BASE_URL leads elsewhere: to {0}")]
    Redirected(String),
    /// GitLab's certificate is not trusted.
    #[error("GitLab's certificate is not trusted: {0}")]
    Untrusted(String),
    /// GitLab answered something that is not understood.
    #[error("GitLab's answer is not understood: {0}")]
    Unexpected(String),
}

impl Error {
    /// Of a page that is not the last one, without a cursor to the next.
    pub fn dead_end() -> Self {
        Self::Unexpected("there is more of this list, and GitLab does not say where".into())
    }

    /// The code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "gitlab_unauthorized",
            Self::ScopeNotFound(_) => "scope_not_found",
            Self::Absent(_) => "gitlab_absent",
            Self::TooComplex(_) | Self::TooMuch(_) => "gitlab_too_complex",
            Self::Unavailable(_) | Self::Partial(_) => "gitlab_unavailable",
            Self::LeftOut(_) => "gitlab_left_out",
            Self::Unread(_) => "gitlab_list_unread",
            Self::Blocked(_) => "gitlab_blocked",
            Self::Redirected(_) => "gitlab_redirected",
            Self::Untrusted(_) => "gitlab_untrusted",
            Self::Unexpected(_) | Self::UnknownFields(_) => "gitlab_unexpected",
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => {
                "create an access token with the scope read_api in GitLab (User settings, Access tokens) and set GITLAB_TOKEN to it"
            }
            Self::ScopeNotFound(_) => {
                "check the full path in GITLAB_GROUPS or GITLAB_PROJECTS, and that the token's user is a member"
            }
            Self::TooComplex(_) | Self::TooMuch(_) | Self::Unavailable(_) | Self::Partial(_) => {
                "nothing is lost: the next sync goes on where this one stopped"
            }
            Self::Blocked(_) => {
                "ask who runs the proxy, firewall or sign-in page before GitLab to let requests to /api through; the token is not to blame"
            }
            Self::Redirected(_) => {
                "set GITLAB_BASE_URL to where it leads, or, if that is a page to sign in at, have /api let through"
            }
            Self::Untrusted(_) => {
                "set GITLAB_CA_FILE to a PEM file with your company's authority, or with the certificate of a GitLab that has signed its own"
            }
            Self::LeftOut(_) | Self::Unread(_) => "look for its error in GitLab's log; all else is read",
            Self::Absent(_) => "switch the feature on in GitLab, or leave the stream out",
            Self::Unexpected(_) | Self::UnknownFields(_) => {
                "check that GITLAB_BASE_URL is a GitLab of version 15 or later; nothing is lost"
            }
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::ScopeNotFound(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.code(), error.to_string()).with_hint(error.hint())
    }
}
