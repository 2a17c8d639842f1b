//! Sends queries, and tries again where that can help.

use std::collections::BTreeMap;
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
use crate::gitlab::response::{ResponseAction, judge, judge_rest};
#[cfg(test)]
use crate::gitlab::transport::FakeTransport;
use crate::gitlab::transport::{Call, Transport};

/// Tries of one request before GitLab counts as not available; with the waits below about a minute.
const ATTEMPTS: u32 = 7;
/// Tries of a request that GitLab found too slow, before a smaller one is worth more.
const SLOW_ATTEMPTS: u32 = 3;
/// Tries of a request that has failed already as a part of a larger one.
const FEW_ATTEMPTS: u32 = 2;
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
    /// How much may be asked for at once.
    pub limits: Limits,
}

/// While it lives, a client's waits have an end.
pub struct Waiting<'c>(&'c Client);

impl Drop for Waiting<'_> {
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
    pub fn wait_until(&self, deadline: Instant) -> Waiting<'_> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
        Waiting(self)
    }

    /// How long GitLab may let us wait now.
    fn patience_left(&self) -> Duration {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map_or(USUAL_WAIT, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        })
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
    pub async fn page(&self, stream: &'static str, path: &str) -> Result<RestPage, Error> {
        let (data, headers) = self.persist(stream, &Call::Page(path), Patience::Full).await?;
        Ok(RestPage {
            next: next_page(path, &headers, data.as_array().map_or(0, Vec::len)),
            data,
        })
    }

    /// Sends until there is an answer, or no use in trying again.
    async fn persist(
        &self,
        stream: &'static str,
        call: &Call<'_>,
        patience: Patience,
    ) -> Result<(Value, HeaderMap), Error> {
        let (attempts, slow_attempts) = match patience {
            Patience::Full => (ATTEMPTS, SLOW_ATTEMPTS),
            Patience::Short => (FEW_ATTEMPTS, 1),
        };
        let mut renewed = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let place = self.concurrency.enter().await;
            self.concurrency.pause().await;
            *self
                .sent
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(stream)
                .or_default() += 1;
            let begun = Instant::now();
            let sent = self.send(call).await;
            self.concurrency.leave(place);
            let (problem, wait) = match sent {
                Ok((verdict, headers)) => match verdict {
                    ResponseAction::Data(data) => {
                        self.concurrency.on_success(begun.elapsed(), &headers);
                        return Ok((data, headers));
                    }
                    // It may have been replaced in Secret Manager.
                    ResponseAction::Failed(Error::Unauthorized(said)) if !renewed => {
                        renewed = true;
                        if !self.token.renew().await {
                            return Err(Error::Unauthorized(said));
                        }
                        continue;
                    }
                    ResponseAction::Failed(error) => return Err(error),
                    ResponseAction::Slow(problem) if attempt >= slow_attempts => {
                        self.concurrency.on_overload();
                        return Err(Error::TooMuch(problem));
                    }
                    // It fails at a part of what was asked: it is for the caller to leave that out.
                    ResponseAction::Partial(partial) if attempt >= slow_attempts => {
                        return Err(Error::Partial(partial));
                    }
                    ResponseAction::Blocked(said) if attempt >= slow_attempts => return Err(Error::Blocked(said)),
                    ResponseAction::Blocked(said) => (said, None),
                    ResponseAction::Partial(partial) => (partial.to_string(), None),
                    ResponseAction::Slow(problem) => (problem, None),
                    ResponseAction::Again(problem, wait) => (problem, wait),
                },
                Err(error) => {
                    let said = cause_of(error);
                    if said.contains("invalid peer certificate") && attempt >= slow_attempts {
                        return Err(Error::Untrusted(said));
                    }
                    (said, None)
                }
            };
            self.concurrency.on_overload();
            if attempt >= attempts {
                return Err(Error::Unavailable(problem));
            }
            if let Some(wait) = wait {
                if wait > self.patience_left() {
                    let seconds = wait.as_secs();
                    let problem = format!("{problem}, and asks to wait for {seconds} s");
                    return Err(Error::Unavailable(problem));
                }
                self.concurrency.pause_for(wait);
            }
            let backoff = if wait.is_some() {
                Duration::ZERO
            } else {
                self.backoff.wait(attempt)
            };
            let wait = wait.unwrap_or(backoff);
            tracing::warn!(
                stream,
                attempt,
                wait_ms = wait.as_millis() as u64,
                "GitLab did not answer ({problem}); trying again"
            );
            tokio::time::sleep(backoff).await;
        }
    }

    async fn send(&self, call: &Call<'_>) -> Result<(ResponseAction, HeaderMap), reqwest::Error> {
        let answer = self.transport.send(call, &self.token.expose()).await?;
        let action = match (&answer.body, call) {
            (None, _) => ResponseAction::Failed(Error::TooMuch("its answer is larger than 32 MiB".into())),
            (Some(body), Call::Query(_)) => judge(answer.status, &answer.headers, body),
            (Some(body), Call::Page(_)) => judge_rest(answer.status, &answer.headers, body),
        };
        Ok((action, answer.headers))
    }
}

/// The error without the address, which may hold a password.
fn cause_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
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
