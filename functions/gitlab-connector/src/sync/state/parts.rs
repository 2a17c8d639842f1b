//! The parts of a pass that wait, each with how far it was read.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A part of a list's time that is read page by page. Its bounds are inclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Of a scope of single projects: the project's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<i64>,
    /// Its lower bound; `None` without one.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub from: Option<OffsetDateTime>,
    /// Its upper bound; `None` for the last one.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub until: Option<OffsetDateTime>,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

/// A page of a list: where it began, and what was on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPage {
    /// GitLab's cursor before it; `None` for the first.
    pub after: Option<String>,
    /// Hash of the ids and paths on it.
    pub hash: u32,
}

/// A project's list, of which pages are still to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The project's full path; or a REST list's address.
    pub path: String,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// Of a REST list: the id and the owner's id of what it belongs to. Of a project's list: the project's id, twice.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<(i64, i64)>,
    /// Since when changes count, if an earlier pass could not read it.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub since: Option<OffsetDateTime>,
    /// Of a part of a project's pipelines: only those that were updated before.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub until: Option<OffsetDateTime>,
    /// Whether to read it from its beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub all: bool,
    /// Of a list of descending ids: all above this one have been read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub below: Option<i64>,
}

/// A project that came into the scope with a past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The project's id.
    pub project: i64,
    /// The list that is being read.
    pub stream: String,
    /// GitLab's cursor after the last committed page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

impl Pending {
    /// The pipelines of a project; from their beginning if `all`.
    pub fn of_path(path: &str, all: bool) -> Self {
        Self {
            path: path.to_owned(),
            all,
            ..Self::default()
        }
    }

    /// A project's list that could not be read, for the next pass.
    pub fn of_project(id: i64, since: Option<OffsetDateTime>) -> Self {
        Self {
            of: Some((id, id)),
            since,
            all: since.is_none(),
            ..Self::default()
        }
    }

    /// The same for the next pass, which begins later and must not forget since when changes count here.
    pub fn again(&self, since: Option<OffsetDateTime>) -> Self {
        let since = self.since.or(since);
        Self {
            after: None,
            since,
            all: self.all || since.is_none(),
            ..self.clone()
        }
    }
}
