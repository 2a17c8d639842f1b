//! Sends queries, and tries again where that can help.

mod persist;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use mergemind_shared::Secret;
use reqwest::header::{DATE, HeaderMap};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;

use crate::gitlab::Error;
use crate::gitlab::backoff::Backoff;
use crate::gitlab::concurrency::Concurrency;
use crate::gitlab::graphql::Selection;
use crate::gitlab::lacking::{Lacking, UnknownField, without};
use crate::gitlab::limits::Limits;
use crate::gitlab::links::{Next, next_page};
#[cfg(test)]
use crate::gitlab::transport::FakeTransport;
use crate::gitlab::transport::{Call, Transport};

/// How long GitLab may ask to wait where nobody knows how much time there is.
const USUAL_WAIT: Duration = Duration::from_secs(120);

/// A client for one GitLab.
pub struct Client {
    transport: Transport,
    token: Secret,
    concurrency: Concurrency,
    backoff: Backoff,
    /// Requests sent, tries included, by what they were for.
    sent: Mutex<BTreeMap<&'static str, u64>>,
    /// Until when GitLab may let us wait.
    deadline: Mutex<Option<Instant>>,
    /// What GitLab does not know.
    lacking: Lacking,
    /// Streams of which GitLab failed at something for long.
    failing: Mutex<HashSet<&'static str>>,
    /// How much may be asked for at once.
    pub limits: Limits,
}

/// While it lives, a client's waits have an end.
pub struct WaitLimit<'c>(&'c Client);

impl Drop for WaitLimit<'_> {
    fn drop(&mut self) {
        *self.0.deadline.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// How long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as it may help.
    Full,
    /// Once more: less may be asked for instead.
    Short,
}

/// An answer, and GitLab's clock when it gave it.
#[derive(Debug)]
pub struct Reply {
    /// GraphQL's `data`.
    pub data: Value,
    /// GitLab's time, in whole seconds; ours if it sent none, or one that is ahead of ours.
    pub at: OffsetDateTime,
}

/// One page of a REST list.
#[derive(Debug)]
pub struct RestPage {
    /// The body.
    pub data: Value,
    /// Where it goes on, if it does.
    pub next: Option<Next>,
}

impl Client {
    /// A client for the GitLab at `base`, whose certificate may be in, or signed by one in, a PEM file.
    ///
    /// # Errors
    /// If the TLS library can't be started, or the file can't be used.
    pub fn new(base: &Url, token: Secret, trusted: Option<&Path>) -> Result<Self, String> {
        Ok(Self {
            transport: Transport::new(base, trusted)?,
            deadline: Mutex::default(),
            token,
            concurrency: Concurrency::new(),
            backoff: Backoff::by_chance(),
            sent: Mutex::default(),
            lacking: Lacking::default(),
            failing: Mutex::default(),
            limits: Limits::default(),
        })
    }

    /// A client that asks a fake GitLab, and waits between tries as `seed` says.
    #[cfg(test)]
    pub fn of_fake(fake: FakeTransport, seed: u64) -> Self {
        Self {
            transport: Transport::Fake(fake),
            deadline: Mutex::default(),
            token: Secret::new("glpat-fake"),
            concurrency: Concurrency::new(),
            backoff: Backoff::seeded(seed),
            sent: Mutex::default(),
            lacking: Lacking::default(),
            failing: Mutex::default(),
            limits: Limits::default(),
        }
    }

    /// Requests sent since the last call, tries included, by stream.
    pub fn take_sent(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks `query`, for the sake of `stream`; `operation` names it in GitLab's logs.
    ///
    /// # Errors
    /// What remains after trying again.
    pub async fn ask(
        &self,
        stream: &'static str,
        operation: &str,
        query: &Selection,
        patience: Patience,
    ) -> Result<Reply, Error> {
        let mut query = without(query, &self.lacking.fields());
        loop {
            let (text, variables) = query.write(operation);
            let body = json!({"query": text, "variables": variables});
            match self.persist(stream, &Call::Query(&body), patience).await {
                Ok((data, headers)) => {
                    let at = clock(&headers);
                    return Ok(Reply { data, at });
                }
                // GitLab names a few of them at once.
                Err(Error::UnknownFields(fields)) => {
                    let known = without(&query, &fields);
                    if known == query || known.0.is_empty() {
                        return Err(Error::UnknownFields(fields));
                    }
                    self.lacking.add(&fields);
                    query = known;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// As long as what is returned lives, GitLab may let us wait until then, and no longer.
    pub fn wait_until(&self, deadline: Instant) -> WaitLimit<'_> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
        WaitLimit(self)
    }

    /// How long GitLab may let us wait now.
    fn patience_left(&self) -> Duration {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map_or(USUAL_WAIT, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
    }

    /// Lists of these streams hold something at which GitLab has failed for long: another failure is expected, so that
    /// no time is lost with it. It takes the place of what was known before.
    pub fn expect_failures(&self, streams: HashSet<&'static str>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = streams;
    }

    /// How long to try what is asked for the sake of a stream.
    pub fn patience_with(&self, stream: &str) -> Patience {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match failing.contains(stream) {
            true => Patience::Short,
            false => Patience::Full,
        }
    }

    /// The fields that GitLab said it does not know.
    pub fn unknown_fields(&self) -> Vec<UnknownField> {
        self.lacking.fields()
    }

    /// Whether GitLab answers at all: if so, a question that keeps failing is that question's trouble.
    pub async fn answers(&self) -> bool {
        let query = Selection::parse("metadata { version }");
        self.ask("probe", "Answers", &query, Patience::Full).await.is_ok()
    }

    /// One page of a list of the REST API: `path` is its address below `/api/v4/`, query included.
    ///
    /// # Errors
    /// What remains after trying again.
    pub async fn page(&self, stream: &'static str, path: &str, patience: Patience) -> Result<RestPage, Error> {
        let (data, headers) = self.persist(stream, &Call::Page(path), patience).await?;
        Ok(RestPage {
            next: next_page(path, &headers, data.as_array().map_or(0, Vec::len)),
            data,
        })
    }
}

/// GitLab's time, but never later than ours: the `Date` header may come from a proxy whose clock is ahead, and a
/// cursor from the future would pass by what changes until then. One from the past only has rows read twice.
pub(super) fn clock(headers: &HeaderMap) -> OffsetDateTime {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let at = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let now = SystemTime::now();
    OffsetDateTime::from(at.map_or(now, |at| at.min(now)))
}

#[cfg(test)]
mod tests;
