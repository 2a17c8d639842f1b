//! Asks for many lists in as few requests as GitLab's score allows.
//!
//! There is one policy for what fails. Lists that were asked for together are asked for in parts, then alone; a list
//! alone is asked for in smaller pages, down to the row; a row that still fails is left out and reported. So one list,
//! row or field at which GitLab fails (docs/gitlab.md#partial-data) stops nobody else. Only what everybody would meet ends it all: a token that is
//! refused, or a GitLab that does not answer at all.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::try_join_all;
use serde_json::json;

use crate::gitlab::client::Patience;
use crate::gitlab::compose::{Ask, ListOutcome, compose};
use crate::gitlab::graphql::Selection;
use crate::gitlab::list::{Connection, Rows};
use crate::gitlab::pack::pack;
use crate::gitlab::page::{LeftOut, Page};
use crate::gitlab::purpose::Purpose;
use crate::gitlab::{Client, Error, cost};

/// Parts that a request is split into when GitLab fails at it, which may take it long; two when it only ran out of time.
const PARTS: usize = 8;
/// Failures one after the other, without any success between them, after which what is left counts as failing too.
const MOST_FAILURES: u32 = 10;

/// Fetches a page of each list, or all rows that it names. The pages come in the lists' order; an error within concerns
/// that list alone.
///
/// # Errors
/// What everybody else would meet, too.
pub async fn fetch(
    client: &Client,
    purpose: &Purpose,
    lists: Vec<Connection>,
) -> Result<Vec<Result<Page, Error>>, Error> {
    let count = lists.len();
    let places: Vec<Option<String>> = lists.iter().map(Connection::place).collect();
    let names: Vec<String> = lists.iter().map(ToString::to_string).collect();
    let asks = lists.into_iter().enumerate().map(|(list, mut connection)| {
        let most = client.limits.of(&connection.shape()).unwrap_or(u32::MAX);
        if let Rows::Page { first, .. } = &mut connection.rows {
            *first = most.min(*first);
        }
        Ask { list, connection }
    });
    let batch = Batch {
        client,
        purpose,
        failures: AtomicU32::new(0),
    };
    let requests = pack(asks.collect(), client.limits.score());
    let patience = client.patience_with(purpose.stream);
    let found = try_join_all(requests.into_iter().map(|asks| batch.ask(asks, patience))).await?;
    let mut pages: Vec<Option<Result<Page, Error>>> = (0..count).map(|_| None).collect();
    for (list, page) in found.into_iter().flatten() {
        pages[list] = Some(match (pages[list].take(), page) {
            (None, page) => page,
            (Some(Ok(mut before)), Ok(page)) => {
                before.append(page);
                Ok(before)
            }
            (Some(Err(error)), _) | (Some(Ok(_)), Err(error)) => Err(error),
        });
    }
    // What names no row has no page.
    let pages = pages
        .into_iter()
        .map(|page| page.unwrap_or_else(|| Ok(Page::default())));
    let pages = pages.zip(places).zip(names).map(|((page, place), name)| match page {
        Ok(page) if place.is_some() && page.next() == place => {
            Err(Error::Unexpected(format!("the pages of {name} have no end")))
        }
        page => page,
    });
    Ok(pages.collect())
}

/// Fetches a page of one list.
///
/// # Errors
/// Whatever stopped it.
pub async fn fetch_one(client: &Client, purpose: &Purpose, list: Connection) -> Result<Page, Error> {
    let mut pages = fetch(client, purpose, vec![list]).await?;
    pages.pop().unwrap_or_else(|| Ok(Page::default()))
}

type FoundPages = Vec<(usize, Result<Page, Error>)>;

struct Batch<'a> {
    client: &'a Client,
    purpose: &'a Purpose,
    /// Failures since the last success.
    failures: AtomicU32,
}

impl Batch<'_> {
    async fn ask(&self, asks: Vec<Ask>, patience: Patience) -> Result<FoundPages, Error> {
        let composed = compose(&asks);
        let Purpose { stream, operation } = self.purpose;
        let asked = self.client.ask(stream, operation, &composed.query, patience).await;
        let (mut data, faults, error) = match asked {
            Ok(reply) => (reply.data, Vec::new(), None),
            Err(Error::Partial(partial)) => {
                let error = Error::Partial(partial.clone());
                (partial.data.clone(), partial.faults.clone(), Some(error))
            }
            Err(error) => return self.after(asks, error).await,
        };
        let outcomes = composed.outcomes(&asks, &mut data, &faults);
        let (mut found, mut failed) = (FoundPages::new(), Vec::new());
        let alone = asks.len() == 1;
        for (ask, outcome) in asks.into_iter().zip(outcomes) {
            match outcome {
                ListOutcome::Missing => {
                    let name = ask.connection.owner.name();
                    found.push((ask.list, Err(Error::ScopeNotFound(name))));
                }
                // Out of time at a field: less at once may do, and only a row alone has to go without it.
                ListOutcome::Page(page) if page.left_out.is_empty() || !is_slow(&page) || is_one(&ask) => {
                    self.failures.store(0, Ordering::Relaxed);
                    if let Rows::Page { first, .. } = ask.connection.rows {
                        self.client.limits.grow(&ask.connection.shape(), first);
                    }
                    found.push((ask.list, Ok(page)));
                }
                ListOutcome::Page(_) | ListOutcome::Failed => failed.push(ask),
            }
        }
        let Some(error) = error.filter(|_| !failed.is_empty()) else {
            return Ok(found);
        };
        let again = if !alone && failed.len() == 1 {
            let patience = self.patience_for(&failed);
            Box::pin(self.ask(failed, patience)).await?
        } else {
            self.after(failed, error).await?
        };
        found.extend(again);
        Ok(found)
    }

    /// What to do after an error about these lists: the one policy for all of them.
    async fn after(&self, mut asks: Vec<Ask>, error: Error) -> Result<FoundPages, Error> {
        match &error {
            Error::Unauthorized(_) | Error::Redirected(_) | Error::Untrusted(_) => return Err(error),
            Error::Unavailable(_) | Error::Blocked(_) if !self.client.answers().await => return Err(error),
            Error::TooComplex(said) => {
                let lowered = self.client.limits.lower_score(cost::of(&compose(&asks).query), said);
                if lowered && !matches!(&asks[..], [ask] if is_one(ask)) {
                    return self.ask_parts(pack(asks, self.client.limits.score()), &error).await;
                }
            }
            // GitLab refuses the list itself; less of it is refused, too.
            Error::Unexpected(_) | Error::ScopeNotFound(_) | Error::Absent(_) if asks.len() == 1 => {
                return Ok(asks.into_iter().map(|ask| (ask.list, Err(error.clone()))).collect());
            }
            _ => {}
        }
        let parts = match error {
            Error::TooMuch(_) | Error::TooComplex(_) => 2,
            _ => PARTS,
        };
        if asks.len() > 1 {
            tracing::warn!(lists = asks.len(), "{error}; asking for fewer lists at once");
            let at_once = asks.len().div_ceil(parts);
            return self
                .ask_parts(asks.chunks(at_once).map(<[Ask]>::to_vec).collect(), &error)
                .await;
        }
        let Some(ask) = asks.pop() else {
            return Ok(FoundPages::new());
        };
        let with = |rows: Rows| Ask {
            list: ask.list,
            connection: Connection {
                rows,
                ..ask.connection.clone()
            },
        };
        match &ask.connection.rows {
            Rows::Named { argument, names } if names.len() > 1 => {
                tracing::warn!(rows = names.len(), "{error}; asking for fewer rows at once");
                let chunks = names.chunks(names.len().div_ceil(parts));
                let part = |names: &[String]| {
                    vec![with(Rows::Named {
                        argument,
                        names: names.to_vec(),
                    })]
                };
                let parts = chunks.map(part).collect();
                self.ask_parts(parts, &error).await
            }
            Rows::Named { argument, names } => {
                let key = if *argument == "ids" { "id" } else { "iid" };
                let mut row = json!({key: names.first()});
                if *argument == "iids" {
                    row["of"] = json!(ask.connection.owner.name());
                }
                self.failures.fetch_add(1, Ordering::Relaxed);
                let left_out = LeftOut {
                    row,
                    field: None,
                    error: error.to_string(),
                };
                Ok(vec![(
                    ask.list,
                    Ok(Page {
                        left_out: vec![left_out],
                        ..Page::default()
                    }),
                )])
            }
            Rows::Page { first, after } if *first > 1 => {
                let (from, first) = (*first, *first / 2);
                tracing::warn!(from, to = first, "{error}; asking for a smaller page");
                self.client.limits.set(&ask.connection.shape(), first);
                let smaller = with(Rows::Page {
                    first,
                    after: after.clone(),
                });
                let patience = self.patience_for(std::slice::from_ref(&smaller));
                Box::pin(self.ask(vec![smaller], patience)).await
            }
            Rows::Page { .. } => self.pass_by(ask, error).await,
        }
    }

    /// Asks for these parts, one after the other: GitLab may be slow to fail.
    async fn ask_parts(&self, parts: Vec<Vec<Ask>>, error: &Error) -> Result<FoundPages, Error> {
        let mut found = FoundPages::new();
        for asks in parts {
            if self.failures.load(Ordering::Relaxed) >= MOST_FAILURES {
                found.extend(asks.into_iter().map(|ask| (ask.list, Err(error.clone()))));
                continue;
            }
            let patience = self.patience_for(&asks);
            found.extend(Box::pin(self.ask(asks, patience)).await?);
        }
        Ok(found)
    }

    /// A row alone is left out if it fails once more, so it gets every chance, unless its like has failed for long; all
    /// else is asked for in parts then.
    fn patience_for(&self, asks: &[Ask]) -> Patience {
        match asks {
            [ask] if is_one(ask) => self.client.patience_with(self.purpose.stream),
            _ => Patience::Short,
        }
    }

    /// Leaves out the row at which GitLab fails alone: asks only for what tells it apart, and for the cursor after it.
    async fn pass_by(&self, ask: Ask, error: Error) -> Result<FoundPages, Error> {
        let (list, identity) = (ask.list, ask.connection.identity());
        let failed = self.client.limits.fail(&ask.connection.shape());
        if identity == ask.connection.nodes || identity.0.is_empty() || failed > MOST_FAILURES {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Ok(vec![(list, Err(error))]);
        }
        let mut found = self.identified(&ask, identity.clone()).await;
        // It may fail at what tells the row apart, but for its id.
        let id = Selection::parse("id");
        if found.is_none() && identity != id && identity.has("id") {
            found = self.identified(&ask, id).await;
        }
        let Some(mut page) = found else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Ok(vec![(list, Err(error))]);
        };
        let left_out = |row| LeftOut {
            row,
            field: None,
            error: error.to_string(),
        };
        page.left_out = page.nodes.drain(..).map(left_out).collect();
        Ok(vec![(list, Ok(page))])
    }

    /// The same page, of which only these fields are asked for.
    async fn identified(&self, ask: &Ask, identity: Selection) -> Option<Page> {
        let asks = vec![Ask {
            list: ask.list,
            connection: ask.connection.clone().nodes(identity),
        }];
        let composed = compose(&asks);
        let Purpose { stream, operation } = self.purpose;
        let patience = self.client.patience_with(stream);
        let asked = self.client.ask(stream, operation, &composed.query, patience).await;
        let mut reply = asked.ok()?;
        match composed.outcomes(&asks, &mut reply.data, &[]).pop()? {
            ListOutcome::Page(page) => Some(page),
            _ => None,
        }
    }
}

/// Whether it is one row at most.
fn is_one(ask: &Ask) -> bool {
    match &ask.connection.rows {
        Rows::Named { names, .. } => names.len() < 2,
        Rows::Page { first, .. } => *first < 2,
    }
}

/// Whether something is missing because GitLab ran out of time.
fn is_slow(page: &Page) -> bool {
    page.left_out
        .iter()
        .any(|left_out| crate::gitlab::response::is_timeout(&left_out.error))
}

#[cfg(test)]
mod tests;
