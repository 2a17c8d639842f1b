//! The way past rows of a list that the token may not see.
//!
//! When a whole page is hidden, GitLab says that there is more but gives no cursor to go on from. Then
//! time leads on: windows that are small enough to fit a page show all that is visible in them, and once
//! the hidden ones are behind, the ordinary list begins anew from there.

use serde_json::Value as Json;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::Scope;
use super::context::Context;
use super::lists::{List, Page, Which, Window, fetch};
use super::position::Pass;
use crate::gitlab;

/// GitLab keeps microseconds.
const SMALLEST: Duration = Duration::microseconds(1);
const FIRST: Duration = Duration::hours(1);
/// Earlier than any GitLab.
const BEGINNING: OffsetDateTime = datetime!(2000-01-01 0:00 UTC);

/// Finds the next page that leads on. Returns it, with all that was visible on the way, and the instant
/// up to which everything was read.
pub async fn pass_by(
    context: &Context<'_>,
    list: &'static List,
    which: Which,
    scope: &Scope,
    stuck: &Window,
    pass: &Pass,
) -> Result<(Page, Option<OffsetDateTime>), gitlab::Error> {
    tracing::info!(%scope, list = list.stream, "a page is hidden from this token; going on by time");
    let mut nodes = Vec::new();
    let mut from = place_of(which, stuck.after.as_deref())
        .or(stuck.from)
        .unwrap_or(BEGINNING);
    let mut span = FIRST;
    loop {
        // Bounds are inclusive: what lies on one is read twice, and nothing is skipped.
        let mut until = Ord::min(from + span, Ord::max(pass.started_at, from + SMALLEST));
        if take_window(context, list, which, scope, from, until, &mut nodes).await? {
            span *= 8;
        } else {
            while until - from > SMALLEST {
                let middle = from + (until - from) / 2;
                if take_window(context, list, which, scope, from, middle, &mut nodes).await? {
                    from = middle;
                } else {
                    until = middle;
                }
            }
            span = SMALLEST * 1000;
        }
        from = until;
        let ordinary = Window {
            from: Some(from),
            ..Window::default()
        };
        let mut page = fetch(context, list, which, scope, &ordinary).await?;
        if !page.is_dead_end() {
            nodes.append(&mut page.nodes);
            return Ok((Page { nodes, ..page }, Some(from)));
        }
    }
}

/// Takes all that is visible in a window, if it fits one page.
async fn take_window(
    context: &Context<'_>,
    list: &'static List,
    which: Which,
    scope: &Scope,
    from: OffsetDateTime,
    until: OffsetDateTime,
    nodes: &mut Vec<Json>,
) -> Result<bool, gitlab::Error> {
    let window = Window {
        after: None,
        from: Some(from),
        until: Some(until),
    };
    let page = fetch(context, list, which, scope, &window).await?;
    if page.has_next {
        return Ok(false);
    }
    nodes.extend(page.nodes);
    Ok(true)
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
