//! Lanes of a list: parts of its time that are read at once, each page by page.
//!
//! A page leads only to the next one, so a long list read as one would cost as many round trips as it has pages.
//! The rows of a page tell how close together they lie, and so about how many pages are left; where that is many,
//! the time that is left is cut in two. A row that changes meanwhile moves to the end of the list, where the last
//! lane or the next pass finds it.

use futures::future::join_all;
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::gitlab::{self, time_of};
use crate::sync::error::Error;
use crate::sync::read::list_request::{Page, Reading, Which, Whose, Window, fetch};
use crate::sync::read::nodes::take;
use crate::sync::read::redacted;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::state::{Lane, Pass, Pending};

/// Lanes at most: what a step holds in memory grows with each.
const MOST: usize = 4;
/// Pages that must be left of a lane for cutting it to be worth the two pages that are not full then.
const WORTH_CUTTING: f64 = 8.0;

/// What is left of a lane, and about how many pages that is, if that can be told.
struct Left {
    lane: Lane,
    pages: f64,
    /// Where it stands.
    at: OffsetDateTime,
}

/// Reads the next page of the first lanes of a pass, with all that belongs to the rows on it. A project whose list
/// can't be read is a warning, and is tried again in the next sync.
pub async fn next<'a>(reading: Reading<'_, 'a>, pass: &mut Pass, rows: &mut Rows<'a>) -> Result<(), Error> {
    let Reading {
        context,
        list,
        which,
        scope,
    } = reading;
    let started_at = pass.started_at;
    let mut lanes = std::mem::take(&mut pass.lanes);
    let waiting = lanes.split_off(lanes.len().min(MOST));
    let reads = lanes.iter().map(|lane| read(reading, started_at, lane.clone()));
    let mut left = Vec::new();
    for (lane, found) in lanes.iter().zip(join_all(reads).await) {
        match (found, lane.project) {
            (Ok((found, rest)), _) => {
                rows.append(found, context.streams);
                left.extend(rest);
            }
            // It was deleted, or is hidden by now.
            (Err(Error::GitLab(gitlab::Error::ScopeNotFound(_))), Some(_)) => {}
            (Err(error), Some(project)) if !context.concerns_all(&error).await => {
                context.warn(scope, &format!("{} of the project {project}", list.stream), &error);
                pass.failed.push(Pending::of_project(project, lane.from));
            }
            (Err(error), _) => return Err(error),
        }
    }
    let room = MOST - waiting.len().min(MOST);
    pass.lanes = if which == Which::Updated {
        cut(left, started_at, room)
    } else {
        left.into_iter().map(|left| left.lane).collect()
    };
    pass.lanes.extend(waiting);
    Ok(())
}

async fn read<'a>(
    reading: Reading<'_, 'a>,
    started_at: OffsetDateTime,
    mut lane: Lane,
) -> Result<(Rows<'a>, Option<Left>), Error> {
    let Reading {
        context,
        list,
        which,
        scope,
    } = reading;
    let whose = match scope {
        Scope::Group(path) => Whose::Group(path),
        Scope::Projects(_) => Whose::Project(lane.project.unwrap_or_default()),
    };
    let window = Window {
        after: lane.after.take(),
        from: lane.from,
        until: lane.until,
    };
    let mut page = fetch(context, list, which, whose, &window).await?;
    if page.is_dead_end() && which == Which::Open {
        // There is no way past hidden rows in this order; what is beyond waits for a change.
        page.has_next = false;
    } else if page.is_dead_end() {
        let read_until;
        (page, read_until) = redacted::pass_by(context, list, which, whose, &window, started_at).await?;
        lane.from = read_until.or(lane.from);
    }
    let Page { nodes, has_next, end } = page;
    lane.after = end;
    let left = has_next.then(|| left_of(lane, &nodes, started_at));
    let mut rows = Rows::default();
    take(context, list, nodes, &mut rows);
    Ok((rows, left))
}

fn left_of(lane: Lane, nodes: &[Json], started_at: OffsetDateTime) -> Left {
    let time = |node| time_of(node, "updatedAt");
    let (first, last) = (nodes.first().and_then(time), nodes.last().and_then(time));
    let at = last.unwrap_or(started_at);
    let pages = match first {
        Some(first) if first < at => (lane.until.unwrap_or(started_at) - at) / (at - first),
        _ => 0.0,
    };
    Left { lane, pages, at }
}

/// Cuts the longest lanes as long as that is worth it and there is room for more.
fn cut(mut lanes: Vec<Left>, started_at: OffsetDateTime, room: usize) -> Vec<Lane> {
    while lanes.len() < room {
        let longest = lanes
            .iter_mut()
            .enumerate()
            .max_by(|(_, one), (_, other)| one.pages.total_cmp(&other.pages));
        let Some((place, longest)) = longest.filter(|(_, lane)| lane.pages >= WORTH_CUTTING) else {
            break;
        };
        let until = longest.lane.until;
        let middle = longest.at + (until.unwrap_or(started_at) - longest.at) / 2;
        longest.pages /= 2.0;
        longest.lane.until = Some(middle);
        let later = Left {
            // Bounds are inclusive: a row on the middle is read twice, and none is missed.
            lane: Lane {
                from: Some(middle),
                until,
                after: None,
                project: longest.lane.project,
            },
            pages: longest.pages,
            at: middle,
        };
        lanes.insert(place + 1, later);
    }
    lanes.into_iter().map(|left| left.lane).collect()
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
    fn a_long_list_is_cut_into_lanes_that_meet() {
        let lane = Lane {
            after: Some("x".into()),
            ..Lane::default()
        };
        let left = left_of(lane, &page("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"), STARTED);
        let lanes = cut(vec![left], STARTED, MOST);
        assert_eq!(lanes.len(), MOST);
        assert_eq!((lanes[0].from, lanes[0].after.as_deref()), (None, Some("x")));
        assert!(
            lanes
                .windows(2)
                .all(|pair| pair[0].until == pair[1].from && pair[1].after.is_none())
        );
        assert!(
            lanes
                .windows(2)
                .all(|pair| pair[0].until.is_some() && pair[0].until > pair[0].from)
        );
        assert_eq!(
            lanes[MOST - 1].until,
            None,
            "the last lane also finds what changes meanwhile"
        );
    }

    #[test]
    fn a_short_list_stays_one() {
        let left = left_of(
            Lane::default(),
            &page("2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z"),
            STARTED,
        );
        assert_eq!(cut(vec![left], STARTED, MOST), [Lane::default()]);
    }

    #[test]
    fn rows_of_one_instant_do_not_tell_how_many_pages_are_left() {
        let left = left_of(
            Lane::default(),
            &page("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            STARTED,
        );
        assert_eq!(cut(vec![left], STARTED, MOST), [Lane::default()]);
    }
}
