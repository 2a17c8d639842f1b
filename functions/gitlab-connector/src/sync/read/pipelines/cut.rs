//! Cuts long lists of pipelines by the time of their update, so that their parts are read at once.
//!
//! GitLab lists pipelines by descending id, and a page leads only to the next one. The rows of a page tell how close
//! together they were created, and so about how many pages are left down to where the list begins. A pipeline that
//! changes meanwhile may leave the part that was to show it: its change is newer than the pass, and the next one
//! finds it.

use serde_json::Value as Json;
use time::{Duration, OffsetDateTime};

use crate::gitlab::time_of;
use crate::sync::state::PendingPipelines;

/// Pages that must be left for a list to be cut while one request has room for its parts: each may end with a page
/// that is not full.
const WORTH_FILLING: f64 = 3.0;
/// The same where another request is needed.
const WORTH_ANOTHER: f64 = 16.0;
/// GitLab does not say whether bounds are inclusive, so parts overlap.
const OVERLAP: Duration = Duration::seconds(1);

/// What is left of a list, and about how many pages that is.
pub struct LeftOfList {
    pending: PendingPipelines,
    pages: f64,
    /// Where it stands, and where it begins.
    at: OffsetDateTime,
    floor: OffsetDateTime,
}

impl LeftOfList {
    /// After a page with these rows; nothing is older than `floor`, if that is known.
    pub fn of(pending: PendingPipelines, nodes: &[Json], floor: Option<OffsetDateTime>) -> Self {
        let created = |node| time_of(node, "createdAt");
        let (newest, oldest) = (nodes.first().and_then(created), nodes.last().and_then(created));
        let at = oldest.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let floor = floor.unwrap_or(at).min(at);
        let pages = match newest {
            Some(newest) if newest > at => (at - floor) / (newest - at),
            _ => 0.0,
        };
        Self {
            pending,
            pages,
            at,
            floor,
        }
    }

    /// Cuts off the older half.
    fn halve(&mut self) -> Self {
        let middle = self.floor + (self.at - self.floor) / 2;
        self.pages /= 2.0;
        let older = Self {
            pending: PendingPipelines {
                after: None,
                until: Some(middle + OVERLAP),
                ..self.pending.clone()
            },
            pages: self.pages,
            at: middle,
            floor: self.floor,
        };
        (self.pending.since, self.pending.all) = (Some(middle - OVERLAP), false);
        self.floor = middle;
        older
    }
}

/// Cuts the longest lists as long as that is worth it: into `at_once` parts for one request, into `most` at most.
pub fn cut(mut lists: Vec<LeftOfList>, at_once: usize, most: usize) -> Vec<PendingPipelines> {
    while lists.len() < most {
        let worth = if lists.len() < at_once {
            WORTH_FILLING
        } else {
            WORTH_ANOTHER
        };
        let longest = lists.iter_mut().max_by(|one, other| one.pages.total_cmp(&other.pages));
        let Some(longest) = longest.filter(|list| list.pages >= worth) else {
            break;
        };
        let older = longest.halve();
        lists.push(older);
    }
    lists.into_iter().map(|left| left.pending).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::format_description::well_known::Rfc3339;
    use time::macros::datetime;

    use super::*;

    const FLOOR: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

    /// A list of which a page of an hour was read, with `hours` left.
    fn list(hours: i64) -> LeftOfList {
        let at = FLOOR + Duration::hours(hours);
        let node = |at: OffsetDateTime| json!({"createdAt": at.format(&Rfc3339).expect("a text")});
        let pending = PendingPipelines {
            after: Some("x".into()),
            ..PendingPipelines::of_path("a/b", true)
        };
        LeftOfList::of(pending, &[node(at + Duration::hours(1)), node(at)], Some(FLOOR))
    }

    #[test]
    fn a_long_list_is_cut_into_parts_that_overlap_and_leave_nothing_out() {
        let mut parts = cut(vec![list(60)], 5, 20);
        assert_eq!(parts.len(), 5);
        parts.sort_by_key(|part| part.since.unwrap_or(FLOOR));
        assert!(parts[0].all && parts[0].since.is_none() && parts[1..].iter().all(|part| !part.all));
        assert!(parts.windows(2).all(|pair| pair[0].until > pair[1].since));
        let (newest, older) = parts.split_last().expect("parts");
        assert_eq!((newest.until, newest.after.as_deref()), (None, Some("x")));
        assert!(older.iter().all(|part| part.until.is_some() && part.after.is_none()));
    }

    #[test]
    fn another_request_is_worth_it_only_for_very_long_lists() {
        assert_eq!(cut(vec![list(2)], 5, 20).len(), 1);
        assert_eq!(cut((0..5).map(|_| list(15)).collect(), 5, 20).len(), 5);
        assert_eq!(cut(vec![list(1000)], 5, 20).len(), 20);
    }

    #[test]
    fn a_list_whose_beginning_is_unknown_stays_one() {
        let left = LeftOfList::of(PendingPipelines::of_path("a/b", true), &[], None);
        assert_eq!(cut(vec![left], 5, 20), [PendingPipelines::of_path("a/b", true)]);
    }
}
