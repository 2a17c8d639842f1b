//! Where a pass is; what a cursor holds.
//!
//! A finished pass leaves only `updated_after`: the time it began at, less an overlap. The overlap is
//! needed because GitLab drops a change of `updated_at` within a minute of the last one, and because
//! replicas lag. Times are GitLab's own clock, from the `Date` header of its answers, or ours if that is behind.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use parts::{Backfill, KnownPage, Pending, Slice};

mod parts;

/// In the table of cursors: which streams are read.
pub const STREAMS: &str = "streams";

/// Committed positions, by stream and scope.
pub type Cursors = HashMap<(String, String), String>;

/// A cursor's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Everything that changed before is in the warehouse; `None` before the first pass has ended.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub updated_after: Option<OffsetDateTime>,
    /// The pages of the list of projects, as they were when it was last read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pages: Vec<KnownPage>,
    /// Lists that could not be read in the last pass, to be tried in the next.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub later: Vec<Pending>,
    /// The same of lists of projects that came into the scope.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub backfill_later: Vec<Backfill>,
    /// Of single projects: the ids of those that were in the scope in the last pass.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<i64>,
    /// When every project was last looked at, whether anything had happened in it or not.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub whole_at: Option<OffsetDateTime>,
    /// The pass under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pass: Option<Pass>,
}

/// A pass that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// GitLab's cursor after the last committed page; of single projects, the id of the last one that was begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// Of a list by time of update: the parts of it that are still to be read; see `slices`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slices: Vec<Slice>,
    /// Everything before this instant has been read, although `after` could not say so; see `redacted`.
    #[serde(
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub read_until: Option<OffsetDateTime>,
    /// Whether the list itself has been read to its end.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub listed: bool,
    /// Lists below the list that are still to be read, or have more pages.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pending: Vec<Pending>,
    /// Such lists that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<Pending>,
    /// The pages read so far.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub pages: Vec<KnownPage>,
    /// Projects that came into the scope with a past, to be read from their beginning.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub backfill: Vec<Backfill>,
    /// Such lists that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub backfill_failed: Vec<Backfill>,
    /// Of single projects: the ids of those that were seen so far.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub members: Vec<i64>,
    /// Whether every project is looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub whole: bool,
    /// Which part of a pass with several is under way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<String>,
}

impl Position {
    /// Reads a cursor. One that can't be read counts as none: everything is read again, and nothing lost.
    pub fn parse(cursor: Option<&str>) -> Self {
        let Some(cursor) = cursor else { return Self::default() };
        serde_json::from_str(cursor).unwrap_or_else(|error| {
            tracing::warn!("a cursor can't be read, so its scope is read from the beginning: {error}");
            Self::default()
        })
    }

    /// The cursor's text.
    pub fn to_cursor(&self) -> String {
        serde_json::to_string(self).expect("a position is always JSON")
    }

    /// The pass under way, or a new one that begins at `now`.
    pub fn pass_from(&self, now: OffsetDateTime) -> Pass {
        self.pass.clone().unwrap_or(Pass {
            started_at: now,
            after: None,
            slices: Vec::new(),
            read_until: None,
            listed: false,
            pending: self.later.clone(),
            failed: Vec::new(),
            pages: Vec::new(),
            backfill: self.backfill_later.clone(),
            backfill_failed: Vec::new(),
            members: Vec::new(),
            whole: false,
            part: None,
        })
    }

    /// The position when `pass` has got further: at its end only the time remains.
    pub fn advanced(&self, mut pass: Pass, overlap: Duration) -> Self {
        if !pass.listed || !pass.pending.is_empty() || !pass.backfill.is_empty() {
            return Self {
                pass: Some(pass),
                ..self.clone()
            };
        }
        let until = pass.started_at - overlap;
        Self {
            updated_after: Some(self.updated_after.map_or(until, |before| before.max(until))),
            whole_at: if pass.whole {
                Some(pass.started_at)
            } else {
                self.whole_at
            },
            pages: std::mem::take(&mut pass.pages),
            later: std::mem::take(&mut pass.failed),
            backfill_later: std::mem::take(&mut pass.backfill_failed),
            members: std::mem::take(&mut pass.members),
            pass: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_finished_pass_looks_back_from_its_start() {
        let mut pass = Position::default().pass_from(datetime!(2026-01-01 10:00 UTC));
        (pass.after, pass.listed) = (Some("x".into()), true);
        let next = Position::default().advanced(pass.clone(), Duration::from_secs(300));
        assert_eq!(next.to_cursor(), r#"{"updated_after":"2026-01-01T09:55:00Z"}"#);
        let later = Position {
            updated_after: Some(datetime!(2026-01-02 0:00 UTC)),
            ..Position::default()
        };
        assert_eq!(
            later.advanced(pass, Duration::from_secs(300)).updated_after,
            later.updated_after
        );
    }

    #[test]
    fn an_unfinished_pass_survives_its_cursor() {
        let mut pass = Position::default().pass_from(datetime!(2026-01-01 10:00 UTC));
        pass.listed = true;
        pass.pending.push(Pending {
            path: "a/b".into(),
            after: Some("c".into()),
            ..Pending::default()
        });
        let position = Position::default().advanced(pass.clone(), Duration::from_secs(300));
        assert_eq!(Position::parse(Some(&position.to_cursor())).pass, Some(pass));
        assert_eq!(Position::parse(Some("not JSON")), Position::default());
    }

    #[test]
    fn what_failed_twice_is_still_read_from_its_first_failure_on() {
        let (first, second) = (datetime!(2026-01-01 10:00 UTC), datetime!(2026-01-01 11:00 UTC));
        let pending = Pending {
            path: "a/b".into(),
            after: Some("c".into()),
            ..Pending::default()
        };
        let again = pending.again(Some(first)).again(Some(second));
        assert_eq!((again.since, again.after, again.all), (Some(first), None, false));
    }

    #[test]
    fn what_failed_is_tried_in_the_next_pass() {
        let mut pass = Position::default().pass_from(datetime!(2026-01-01 10:00 UTC));
        pass.listed = true;
        pass.failed.push(Pending {
            path: "a/b".into(),
            ..Pending::default()
        });
        let position = Position::default().advanced(pass, Duration::ZERO);
        let next = position.pass_from(datetime!(2026-01-01 11:00 UTC));
        assert_eq!(next.pending.len(), 1);
    }
}
