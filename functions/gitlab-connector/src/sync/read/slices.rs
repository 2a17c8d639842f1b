//! Slices of a list: parts of its time that are read at once, each page by page.
//!
//! A page leads only to the next one, so a long list read as one would cost as many round trips as it has pages.
//! The rows of a page tell how close together they lie, and so about how many pages are left; where that is many,
//! the time that is left is cut in two. A row that changes meanwhile moves to the end of the list, where the last
//! slice or the next pass finds it.

use futures::future::join_all;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::gitlab::{self, Owner, Page, time_of};
use crate::sync::error::Error;
use crate::sync::read::list_request::{ListKind, ListRequest, PageBounds, fetch};
use crate::sync::read::nodes::map_nodes;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::state::{ChangesProgress, RetryProject, Slice};

/// Slices at most: what a step holds in memory grows with each.
const MOST: usize = 4;
/// Pages that must be left of a slice for cutting it to be worth the two pages that are not full then.
const WORTH_CUTTING: f64 = 8.0;

/// What is left of a slice, and about how many pages that is, if that can be told.
struct LeftOfSlice {
    slice: Slice,
    pages: f64,
    /// Where it stands.
    at: OffsetDateTime,
}

/// Reads the next page of the first slices of a pass, with all that belongs to the rows on it. A project whose list
/// can't be read is a warning, and is tried again in the next sync.
///
/// # Errors
/// If GitLab fails at more than one list.
pub async fn next<'a>(
    reading: ListRequest<'_, 'a>,
    progress: &mut ChangesProgress,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let ListRequest {
        session,
        list,
        kind,
        scope,
    } = reading;
    let started_at = progress.started_at;
    let mut slices = std::mem::take(&mut progress.slices);
    let waiting = slices.split_off(slices.len().min(MOST));
    let reads = slices.iter().map(|slice| read(reading, started_at, slice.clone()));
    let mut left = Vec::new();
    for (slice, found) in slices.iter().zip(join_all(reads).await) {
        match (found, slice.project) {
            (Ok((found, rest)), _) => {
                rows.append(found, session.streams);
                left.extend(rest);
            }
            // It was deleted, or is hidden by now.
            (Err(Error::GitLab(gitlab::Error::ScopeNotFound(_))), Some(_)) => {}
            (Err(error), Some(project)) if !session.concerns_all(&error).await => {
                session.warn(scope, &format!("{} of the project {project}", list.stream), &error);
                progress.failed.push(RetryProject {
                    project,
                    since: slice.from,
                });
            }
            (Err(error), _) => return Err(error),
        }
    }
    let room = MOST - waiting.len().min(MOST);
    progress.slices = if kind == ListKind::Updated {
        cut(left, started_at, room)
    } else {
        left.into_iter().map(|left| left.slice).collect()
    };
    progress.slices.extend(waiting);
    Ok(())
}

async fn read<'a>(
    reading: ListRequest<'_, 'a>,
    started_at: OffsetDateTime,
    mut slice: Slice,
) -> Result<(Rows<'a>, Option<LeftOfSlice>), Error> {
    let ListRequest {
        session,
        list,
        kind,
        scope,
    } = reading;
    let owner = match scope {
        Scope::Group(path) => Owner::Group(path.clone()),
        Scope::Projects(_) => Owner::Project(slice.project.unwrap_or_default()),
    };
    let bounds = PageBounds {
        after: slice.after.take(),
        from: slice.from,
        until: slice.until,
    };
    let (mut page, read_until) = fetch(session, list, kind, owner, &bounds).await?;
    session.warn_left_out(scope, &page.left_out);
    // There is no way past hidden rows in the order of open ones; what is beyond waits for a change.
    page.has_next &= !page.is_dead_end();
    slice.from = read_until.or(slice.from);
    let Page {
        nodes, has_next, end, ..
    } = page;
    slice.after = end;
    let left = has_next.then(|| left_of(slice, &nodes, started_at));
    let mut rows = Rows::default();
    map_nodes(session, list, nodes, &mut rows);
    Ok((rows, left))
}

fn left_of(slice: Slice, nodes: &[Json], started_at: OffsetDateTime) -> LeftOfSlice {
    let time = |node| time_of(node, "updatedAt");
    let (first, last) = (nodes.first().and_then(time), nodes.last().and_then(time));
    let at = last.unwrap_or(started_at);
    let pages = match first {
        Some(first) if first < at => (slice.until.unwrap_or(started_at) - at) / (at - first),
        _ => 0.0,
    };
    LeftOfSlice { slice, pages, at }
}

/// Cuts the longest slices as long as that is worth it and there is room for more.
fn cut(mut slices: Vec<LeftOfSlice>, started_at: OffsetDateTime, room: usize) -> Vec<Slice> {
    while slices.len() < room {
        let longest = slices
            .iter_mut()
            .enumerate()
            .max_by(|(_, one), (_, other)| one.pages.total_cmp(&other.pages));
        let Some((place, longest)) = longest.filter(|(_, slice)| slice.pages >= WORTH_CUTTING) else {
            break;
        };
        let until = longest.slice.until;
        let middle = longest.at + (until.unwrap_or(started_at) - longest.at) / 2;
        longest.pages /= 2.0;
        longest.slice.until = Some(middle);
        let later = LeftOfSlice {
            // Bounds are inclusive: a row on the middle is read twice, and none is missed.
            slice: Slice {
                from: Some(middle),
                until,
                after: None,
                project: longest.slice.project,
            },
            pages: longest.pages,
            at: middle,
        };
        slices.insert(place + 1, later);
    }
    slices.into_iter().map(|left| left.slice).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const STARTED: OffsetDateTime = datetime!(2026-01-31 0:00 UTC);

    fn page(first: &str, last: &str) -> Vec<Json> {
        vec![json!({"updatedAt": first}), json!({"updatedAt": last})]
    }

    #[test]
    fn a_long_list_is_cut_into_slices_that_meet() {
        let slice = Slice {
            after: Some("x".into()),
            ..Slice::default()
        };
        let left = left_of(slice, &page("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), STARTED);
        let slices = cut(vec![left], STARTED, MOST);
        assert_eq!(slices.len(), MOST);
        assert_eq!((slices[0].from, slices[0].after.as_deref()), (None, Some("x")));
        assert!(
            slices
                .windows(2)
                .all(|pair| pair[0].until == pair[1].from && pair[1].after.is_none())
        );
        assert!(
            slices
                .windows(2)
                .all(|pair| pair[0].until.is_some() && pair[0].until > pair[0].from)
        );
        assert_eq!(
            slices[MOST - 1].until,
            None,
            "the last slice also finds what changes meanwhile"
        );
    }

    #[test]
    fn a_short_list_stays_one() {
        let left = left_of(
            Slice::default(),
            &page("2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"),
            STARTED,
        );
        assert_eq!(cut(vec![left], STARTED, MOST), [Slice::default()]);
    }

    #[test]
    fn rows_of_one_instant_do_not_tell_how_many_pages_are_left() {
        let left = left_of(
            Slice::default(),
            &page("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            STARTED,
        );
        assert_eq!(cut(vec![left], STARTED, MOST), [Slice::default()]);
    }
}
