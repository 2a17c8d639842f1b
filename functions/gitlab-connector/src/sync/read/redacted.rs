//! The way past rows of a list that the token may not see.
//!
//! When a whole page is hidden, GitLab says that there is more but gives no cursor to go on from. Then
//! time leads on: a window that fits a page shows all that is visible in it, and from its end the ordinary
//! list begins anew. One cheap question tries many windows at once.

use serde_json::{Value as Json, json};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::gitlab::{self, text_of};
use crate::sync::list::List;
use crate::sync::read::list_request::{Page, Which, Whose, Window, bounds, fetch, first};
use crate::sync::session::Session;

/// GitLab keeps microseconds.
const SMALLEST: Duration = Duration::microseconds(1);
/// Earlier than any GitLab.
const BEGINNING: OffsetDateTime = datetime!(2000-01-01 0:00 UTC);
/// Windows in one question. Each scores about 18 of the 250 that GitLab allows a query.
const TRIED: u32 = 13;
/// From a window to the next larger one: the largest is nine years.
const GROWTH: i64 = 16;

/// Finds the next page that leads on. Returns it, with all that was visible on the way, and the instant
/// up to which everything was read.
pub async fn pass_by(
    session: &Session<'_>,
    list: &'static List,
    which: Which,
    whose: Whose<'_>,
    stuck: &Window,
    started_at: OffsetDateTime,
) -> Result<(Page, Option<OffsetDateTime>), gitlab::Error> {
    tracing::info!(
        ?whose,
        list = list.stream,
        "a page is hidden from this token; going on by time"
    );
    let search = Search {
        session,
        list,
        which,
        whose,
        until: stuck.until,
    };
    let last = stuck.until.unwrap_or(started_at);
    let mut nodes = Vec::new();
    let mut from = place_of(which, stuck.after.as_deref())
        .or(stuck.from)
        .unwrap_or(BEGINNING);
    loop {
        let found = search.furthest(from, Ord::max(last, from + SMALLEST)).await?;
        let window = Window {
            after: None,
            from: Some(from),
            until: Some(found.end),
        };
        let page = fetch(session, list, which, whose, &window).await?;
        // More rows than a page within the smallest window: what is beyond them can't be reached.
        if page.has_next && found.end - from > SMALLEST {
            continue;
        }
        nodes.extend(page.nodes);
        // Bounds are inclusive: what lies on one is read twice, and nothing is skipped.
        from = found.end;
        if !found.leads_on {
            continue;
        }
        let ordinary = Window {
            from: Some(from),
            until: stuck.until,
            after: None,
        };
        let mut page = fetch(session, list, which, whose, &ordinary).await?;
        if !page.is_dead_end() {
            nodes.append(&mut page.nodes);
            return Ok((Page { nodes, ..page }, Some(from)));
        }
    }
}

/// A search for windows of time in a list.
struct Search<'a> {
    session: &'a Session<'a>,
    list: &'static List,
    which: Which,
    whose: Whose<'a>,
    /// Where the list ends.
    until: Option<OffsetDateTime>,
}

/// Where a window ends.
#[derive(Clone, Copy)]
struct End {
    end: OffsetDateTime,
    /// Whether the ordinary list goes on from there.
    leads_on: bool,
}

impl Search<'_> {
    /// The end of a window from `from` on that fits a page: one from which the list goes on, or else the
    /// last one.
    async fn furthest(&self, from: OffsetDateTime, end: OffsetDateTime) -> Result<End, gitlab::Error> {
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
    async fn fitting(&self, from: OffsetDateTime, ends: &[OffsetDateTime]) -> Result<Vec<End>, gitlab::Error> {
        let (whose, below) = (self.whose, self.whose.below());
        let field = self.list.field;
        let quoted = |at: OffsetDateTime| format!("\"{}\"", text_of(at));
        let until = self.until.map_or_else(|| "null".to_owned(), quoted);
        let fields: String = ends
            .iter()
            .enumerate()
            .map(|(place, end)| {
                let [from, end] = [from, *end].map(quoted);
                let window = bounds(self.which, &from, &end);
                let rest = bounds(self.which, &end, &until);
                format!(
                    "w{place}: {field}({below}first: $first, {window}) {{ pageInfo {{ hasNextPage }} }} \
                     r{place}: {field}({below}first: $first, {rest}) {{ pageInfo {{ hasNextPage endCursor }} }} "
                )
            })
            .collect();
        let query = format!(
            "query WindowsOf{}($of: ID!, $first: Int!) {{ {} }}",
            self.list.operation,
            whose.ask(&fields)
        );
        let first = first(self.session, self.list, self.which);
        let variables = json!({"of": whose.value(), "first": first});
        let mut reply = self.session.client.ask(self.list.stream, &query, variables).await?;
        let found = whose.answer(&mut reply.data)?;
        let page = |name: char, place: usize| &found[format!("{name}{place}")]["pageInfo"];
        let fits = |(place, _): &(usize, &OffsetDateTime)| page('w', *place)["hasNextPage"] == false;
        let ends = ends.iter().enumerate().take_while(fits).map(|(place, end)| End {
            end: *end,
            leads_on: page('r', place)["hasNextPage"] == false || page('r', place)["endCursor"].is_string(),
        });
        Ok(ends.collect())
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

/// The instant in a cursor. GitLab's cursors are base64 of the sort columns' JSON; where that is not so,
/// the pass begins anew from its lower bound, which costs requests and loses nothing.
fn place_of(which: Which, cursor: Option<&str>) -> Option<OffsetDateTime> {
    let column = if which == Which::Updated {
        "updated_at"
    } else {
        "created_at"
    };
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
        assert!(ends.is_sorted() && ends[0] > low && ends[12] < low + Duration::days(3));
        assert_eq!(between(low, low + SMALLEST * 2), [low + SMALLEST]);
    }

    #[test]
    fn a_cursor_tells_its_place() {
        // {"updated_at":"2026-07-28 08:49:47.270123000 UTC","id":"9"}
        let cursor = "eyJ1cGRhdGVkX2F0IjoiMjAyNi0wNy0yOCAwODo0OTo0Ny4yNzAxMjMwMDAgVVRDIiwiaWQiOiI5In0=";
        assert_eq!(
            place_of(Which::Updated, Some(cursor)),
            Some(datetime!(2026-07-28 08:49:47.270123 UTC))
        );
        assert_eq!(place_of(Which::Updated, Some("opaque")), None);
    }
}
