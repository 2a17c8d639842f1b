//! Reads lists page by page, and past rows that the token may not see.
//!
//! GitLab cuts a page first and takes out what the token may not see afterwards (docs/gitlab.md#redaction). From a page
//! that is empty then it makes no cursor to go on from. So time leads on: a window that fits a page shows all that is visible in it, and from
//! its end the ordinary list begins again. One request tries many windows at once.

use std::collections::HashSet;
use std::fmt::Display;

use serde_json::Value as Json;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::gitlab::batch::{fetch, fetch_one};
use crate::gitlab::graphql::Selection;
use crate::gitlab::list::{By, Connection, Rows, TimeRange};
use crate::gitlab::pack;
use crate::gitlab::page::Page;
use crate::gitlab::purpose::Purpose;
use crate::gitlab::{Client, Error};

/// GitLab keeps microseconds (docs/gitlab.md#inclusive).
const SMALLEST: Duration = Duration::microseconds(1);
/// Earlier than any GitLab.
const BEGINNING: OffsetDateTime = datetime!(2000-01-01 0:00 UTC);
/// Later than any time that GitLab takes.
const END: OffsetDateTime = datetime!(9999-12-31 0:00 UTC);
/// Windows that are tried at once: the lists of all of them fit one request.
const TRIED: u32 = 12;
/// From a window to the next larger one: the largest is six years.
const GROWTH: i64 = 20;
/// Windows of one search, and pages of one list, after which it counts as endless.
const MOST: usize = 100_000;

/// All pages of a list, as one.
///
/// # Errors
/// Whatever stopped it; among that, a list that leads back to where it has been.
pub async fn all(client: &Client, purpose: &Purpose, list: Connection) -> Result<Page, Error> {
    let mut found = Page::default();
    let mut seen = Seen::default();
    let mut next = None;
    loop {
        let page = fetch_one(client, purpose, list.clone().after(next)).await?;
        found.append(page);
        next = found.next();
        match &next {
            Some(cursor) => seen.add(&list, cursor)?,
            None => return Ok(found),
        }
    }
}

/// All pages of each of these lists, in their order; an error within concerns that list alone.
///
/// # Errors
/// What everybody else would meet, too.
pub async fn all_of(
    client: &Client,
    purpose: &Purpose,
    lists: Vec<Connection>,
) -> Result<Vec<Result<Page, Error>>, Error> {
    let mut seen: Vec<Seen> = lists.iter().map(|_| Seen::default()).collect();
    let mut found: Vec<Result<Page, Error>> = lists.iter().map(|_| Ok(Page::default())).collect();
    let mut open: Vec<(usize, Connection)> = lists.into_iter().enumerate().collect();
    while !open.is_empty() {
        let now = open.iter().map(|(_, list)| list.clone()).collect();
        let pages = fetch(client, purpose, now).await?;
        let mut further = Vec::new();
        for ((place, list), page) in open.into_iter().zip(pages) {
            let next = page.as_ref().ok().and_then(Page::next);
            let moved = next.as_ref().map_or(Ok(()), |cursor| seen[place].add(&list, cursor));
            match (&mut found[place], page, moved) {
                (Ok(before), Ok(page), Ok(())) => {
                    before.append(page);
                    further.extend(next.map(|cursor| (place, list.after(Some(cursor)))));
                }
                (before, Err(error), _) | (before, _, Err(error)) => *before = Err(error),
                (Err(_), ..) => {}
            }
        }
        open = further;
    }
    Ok(found)
}

/// The cursors, or addresses, that a list has led to.
#[derive(Debug, Default)]
pub struct Seen(HashSet<String>);

impl Seen {
    /// Adds one.
    ///
    /// # Errors
    /// If the list has been there before, or has no end.
    pub fn add(&mut self, list: &dyn Display, cursor: &str) -> Result<(), Error> {
        if self.0.len() < MOST && self.0.insert(cursor.to_owned()) {
            return Ok(());
        }
        Err(Error::Unexpected(format!("the pages of {list} have no end")))
    }
}

/// A page of a list that is ordered by time, and past what is hidden, the instant up to which all was read on the way.
///
/// # Errors
/// Whatever stopped it.
pub async fn next(
    client: &Client,
    purpose: &Purpose,
    list: &Connection,
) -> Result<(Page, Option<OffsetDateTime>), Error> {
    let page = fetch_one(client, purpose, list.clone()).await?;
    match list.range {
        Some(range) if page.is_dead_end() && range.by != By::UpdatedOnly => {
            Search {
                client,
                purpose,
                list,
                range,
            }
            .pass_by()
            .await
        }
        _ => Ok((page, None)),
    }
}

/// A search for windows of time in a list.
struct Search<'a> {
    client: &'a Client,
    purpose: &'a Purpose,
    list: &'a Connection,
    range: TimeRange,
}

/// Where a window ends.
#[derive(Clone, Copy)]
struct End {
    end: OffsetDateTime,
    /// Whether the ordinary list goes on from there.
    leads_on: bool,
}

impl Search<'_> {
    /// Finds the next page that leads on; returns it with all that was visible on the way.
    async fn pass_by(&self) -> Result<(Page, Option<OffsetDateTime>), Error> {
        let (field, owner) = (&*self.list.field, self.list.owner.name());
        tracing::info!(owner, field, "a page is hidden from this token; going on by time");
        let after = match &self.list.rows {
            Rows::Page { after, .. } => after.as_deref(),
            Rows::Named { .. } => None,
        };
        let mut from = place_of(self.range.by, after).or(self.range.from).unwrap_or(BEGINNING);
        let last = self.range.until.unwrap_or(END);
        let mut found = Page::default();
        let mut longest = END - BEGINNING;
        for _ in 0..MOST {
            let end = Ord::max(last, from + SMALLEST);
            let window = self.furthest(from, Ord::min(end, from.saturating_add(longest))).await?;
            let mut page = self.page(Some(from), Some(window.end)).await?;
            // Pages may have become smaller since it was looked for. What is more than a page within the smallest window
            // can't be reached.
            if page.has_next && window.end - from > SMALLEST {
                longest = Ord::max((window.end - from) / 2, SMALLEST);
                continue;
            }
            longest = END - BEGINNING;
            page.has_next = false;
            found.append(page);
            // Bounds are inclusive: what lies on one is read twice, and nothing is skipped.
            from = window.end;
            if !window.leads_on {
                continue;
            }
            let page = self.page(Some(from), self.range.until).await?;
            if !page.is_dead_end() {
                found.append(page);
                return Ok((found, Some(from)));
            }
        }
        Err(Error::Unexpected(format!(
            "there is no way past the hidden rows of {field} of {owner}"
        )))
    }

    async fn page(&self, from: Option<OffsetDateTime>, until: Option<OffsetDateTime>) -> Result<Page, Error> {
        fetch_one(self.client, self.purpose, self.bounded(from, until)).await
    }

    fn bounded(&self, from: Option<OffsetDateTime>, until: Option<OffsetDateTime>) -> Connection {
        self.list.clone().within(self.range.by, from, until).after(None)
    }

    /// The end of a window from `from` on that fits a page: one from which the list goes on, or else the last one.
    async fn furthest(&self, from: OffsetDateTime, end: OffsetDateTime) -> Result<End, Error> {
        let spans = (0..TRIED).map(|step| Duration::microseconds(GROWTH.pow(step)));
        let mut ends: Vec<_> = spans.map(|span| Ord::min(from + span, end)).collect();
        ends.dedup();
        let mut best = End {
            end: ends[0],
            leads_on: false,
        };
        let mut too_far = None;
        loop {
            let fitting = self.fitting(from, &ends).await?;
            let leading = fitting.iter().find(|end| end.leads_on);
            best = leading.or(fitting.last()).copied().unwrap_or(best);
            too_far = ends.get(fitting.len()).copied().or(too_far);
            match too_far {
                Some(too_far) if !best.leads_on && too_far - best.end > SMALLEST => ends = between(best.end, too_far),
                _ => return Ok(best),
            }
        }
    }

    /// Those of these windows, which begin at `from` and grow, that fit a page.
    async fn fitting(&self, from: OffsetDateTime, ends: &[OffsetDateTime]) -> Result<Vec<End>, Error> {
        // Bare rows, but as many as come with all their fields: what fits a page of those, and what leads on from one.
        let first = pack::page_size(self.list, &self.client.limits);
        let empty = |list: Connection| list.first(first).after(None).nodes(Selection::default());
        let lists = ends.iter().flat_map(|end| {
            let window = self.bounded(Some(from), Some(*end));
            let rest = self.bounded(Some(*end), self.range.until);
            [empty(window), empty(rest)]
        });
        let pages = fetch(self.client, self.purpose, lists.collect()).await?;
        let pages = pages.into_iter().collect::<Result<Vec<Page>, Error>>()?;
        let pairs = ends.iter().zip(pages.chunks(2));
        let fitting = pairs.take_while(|(_, pair)| !pair[0].has_next).map(|(end, pair)| End {
            end: *end,
            leads_on: !pair[1].is_dead_end(),
        });
        Ok(fitting.collect())
    }
}

/// Instants that part the time between two evenly.
fn between(low: OffsetDateTime, high: OffsetDateTime) -> Vec<OffsetDateTime> {
    let part = (high - low) / (TRIED + 1);
    let step = Ord::max(part, SMALLEST);
    (1..=TRIED)
        .map(|count| low + step * count)
        .filter(|end| *end < high)
        .collect()
}

/// The instant in a cursor. GitLab's cursors are base64 of the sort columns' JSON; where that is not so, the search
/// begins at the list's lower bound, which costs requests and loses nothing.
fn place_of(by: By, cursor: Option<&str>) -> Option<OffsetDateTime> {
    let column = if by == By::Created { "created_at" } else { "updated_at" };
    let json = decode_base64(cursor?)?;
    let columns: Json = serde_json::from_slice(&json).ok()?;
    let text = columns[column].as_str()?;
    let rfc = text.replacen(' ', "T", 1).replace(" UTC", "Z");
    OffsetDateTime::parse(&rfc, &time::format_description::well_known::Rfc3339).ok()
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let bare = text.trim_end_matches('=');
    URL_SAFE_NO_PAD
        .decode(bare)
        .or_else(|_| STANDARD_NO_PAD.decode(bare))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_between_two_instants_end_inside_and_shrink_to_a_microsecond() {
        let low = datetime!(2026-07-28 08:49:47 UTC);
        let ends = between(low, low + Duration::days(3));
        assert_eq!(ends.len(), TRIED as usize);
        assert!(ends.is_sorted() && ends[0] > low && ends[11] < low + Duration::days(3));
        assert_eq!(between(low, low + SMALLEST * 2), [low + SMALLEST]);
    }

    #[test]
    fn a_cursor_tells_its_place() {
        // {"updated_at":"2026-07-28 08:49:47.270123000 UTC","id":"9"}
        let cursor = "eyJ1cGRhdGVkX2F0IjoiMjAyNi0wNy0yOCAwODo0OTo0Ny4yNzAxMjMwMDAgVVRDIiwiaWQiOiI5In0=";
        assert_eq!(
            place_of(By::Updated, Some(cursor)),
            Some(datetime!(2026-07-28 08:49:47.270123 UTC))
        );
        assert_eq!(place_of(By::Updated, Some("opaque")), None);
    }
}
