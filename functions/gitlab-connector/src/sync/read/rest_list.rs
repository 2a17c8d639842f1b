//! One list of the REST API, page by page.

use serde_json::Value as Json;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::gitlab::{self, Patience, time_of};
use crate::streams::{Part, Rest, Stream};
use crate::sync::lock::lock;
use crate::sync::read::rest_page;
use crate::sync::session::Session;
use crate::sync::state::{PendingList, RestState};

/// Pages of one list in one checkpoint, where its rows can be told from deleted ones without having all of it: with
/// all 16 lists that long, as many rows as other passes gather.
const PAGES: usize = 3;

/// Pages of a list that has to be known whole: more than a repository has branches, and as much as memory holds.
const MOST_WHOLE: usize = 2000;

/// Pages without a row, one after the other, after which a list that names a next one is given up: GitLab ends each list
/// with one at most (docs/gitlab.md#rest-pages).
const MOST_EMPTY: usize = 10;

/// What was read of a list.
#[derive(Default)]
pub struct RestFound {
    pub nodes: Vec<Json>,
    /// Where it goes on.
    pub next: Option<String>,
    /// Addresses of rows that are too large.
    pub too_large: Vec<String>,
    /// Why it is not known whether there is more.
    pub given_up: Option<gitlab::Error>,
}

/// Reads a list from where it was left. A whole list comes in one: what is gone can be marked only when all that is there
/// is known.
///
/// # Errors
/// Whatever stopped it; among that, a list that leads back to where it has been.
pub async fn read(
    session: &Session<'_>,
    stream: &Stream,
    rest: Rest,
    pending: &PendingList,
    state: &RestState,
) -> Result<RestFound, gitlab::Error> {
    let since = pending.since.or(state.complete_until).filter(|_| !pending.all);
    let back = |days: i64| {
        let since = since.map(|at| at - Duration::days(days));
        since.into_iter().chain(session.options.start_date).max()
    };
    let mut address = format!("{}?per_page=100", pending.path);
    if !rest.query.is_empty() {
        address.push_str(&format!("&{}", rest.query));
    }
    let mut down_to = None;
    match rest.part {
        Some(Part::Since(parameter, days)) => {
            if let Some(since) = back(days).and_then(|at| at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()) {
                address.push_str(&format!("&{parameter}={since}"));
            }
        }
        Some(Part::DownTo(field, days)) => down_to = back(days).map(|at| (field, at)),
        None => {}
    }
    if let Some(left) = &pending.next {
        address.clone_from(left);
    }
    // Where the list has been before this checkpoint, too.
    let place = (stream.name(), pending.path.clone());
    let mut seen = lock(&session.rest_pages).remove(&place).unwrap_or_default();
    let patience = match pending.failing {
        Some(_) => Patience::Short,
        None => Patience::Full,
    };
    let mut found = RestFound::default();
    let (mut pages, mut empty, mut is_guess) = (0, 0, false);
    loop {
        seen.add(&pending.path, &address)?;
        let page = rest_page::read(session.client, stream.name(), &address, patience).await?;
        // A list without pages comes whole, whichever one is asked for.
        if is_guess && !page.nodes.is_empty() && found.nodes.ends_with(&page.nodes) {
            return Ok(found);
        }
        let far_enough = down_to.is_some_and(|(field, at)| {
            let last = page.nodes.last().and_then(|node| time_of(node, field));
            last.is_some_and(|last| last < at)
        });
        let is_empty = page.nodes.is_empty() && page.too_large.is_empty();
        found.nodes.extend(page.nodes);
        found.too_large.extend(page.too_large);
        match page.next.filter(|_| !far_enough) {
            Some(next) => (address, is_guess) = (next.path, next.is_guess),
            None => return Ok(found),
        }
        // Only a list whose end was seen is known whole.
        if is_empty {
            empty += 1;
            if empty == MOST_EMPTY {
                let problem = format!("{MOST_EMPTY} pages of {} have no row and name a next one", pending.path);
                found.given_up = Some(gitlab::Error::Unexpected(problem));
                return Ok(found);
            }
            continue;
        }
        empty = 0;
        pages += 1;
        if rest.part.is_none() && pages == MOST_WHOLE {
            let problem = format!("the list at {} has more than {MOST_WHOLE} pages", pending.path);
            return Err(gitlab::Error::Unexpected(problem));
        }
        if rest.part.is_some() && pages == PAGES {
            lock(&session.rest_pages).insert(place, seen);
            found.next = Some(address);
            return Ok(found);
        }
    }
}
