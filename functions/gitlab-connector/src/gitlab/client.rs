//! Sends queries, and tries again where that can help.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use mergemind_shared::Secret;
use reqwest::header::{DATE, HeaderMap};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use url::Url;

use super::Error;
use super::answer::{Verdict, judge};

/// Requests in flight at once; GitLab counts all of a token's requests together.
const IN_FLIGHT: usize = 4;
/// Tries of one request before GitLab counts as not available; with the waits below about a minute.
const ATTEMPTS: u32 = 7;
/// Tries of a request that GitLab found too slow, before a smaller one is worth more.
const SLOW_ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A wait that GitLab asks for may be longer, but a sync does not sleep for hours.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);
/// GitLab gives up on a query after 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(45);

/// A client for one GitLab.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Url,
    token: Secret,
    in_flight: Semaphore,
    /// Requests sent, tries included, by what they were for.
    sent: Mutex<BTreeMap<&'static str, u64>>,
}

/// An answer, and GitLab's clock when it gave it.
#[derive(Debug)]
pub struct Reply {
    /// GraphQL's `data`.
    pub data: Value,
    /// GitLab's time, in whole seconds; ours if it sent none.
    pub at: OffsetDateTime,
}

impl Client {
    /// A client for the GitLab at `base`.
    ///
    /// # Errors
    /// If the TLS library can't be started.
    pub fn new(base: &Url, token: Secret) -> Result<Self, reqwest::Error> {
        let mut endpoint = base.clone();
        endpoint.set_path(&format!("{}/api/graphql", base.path().trim_end_matches('/')));
        let http = reqwest::Client::builder()
            .user_agent(concat!("mergemind-gitlab-connector/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(TIMEOUT)
            // A redirect would carry the token elsewhere, and turn POST into GET.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            endpoint,
            token,
            in_flight: Semaphore::new(IN_FLIGHT),
            sent: Mutex::default(),
        })
    }

    /// Requests sent since the last call, tries included, by stream.
    pub fn take_sent(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Asks `query`, for the sake of `stream`.
    ///
    /// # Errors
    /// What remains after trying again.
    pub async fn ask(&self, stream: &'static str, query: &str, variables: Value) -> Result<Reply, Error> {
        // The semaphore is never closed.
        let _place = self.in_flight.acquire().await;
        let body = json!({"query": query, "variables": variables});
        let mut attempt = 0;
        loop {
            attempt += 1;
            *self
                .sent
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .entry(stream)
                .or_default() += 1;
            let (problem, wait) = match self.send(&body).await {
                Ok((verdict, at)) => match verdict {
                    Verdict::Data(data) => return Ok(Reply { data, at }),
                    Verdict::Failed(error) => return Err(error),
                    Verdict::Slow(problem) if attempt >= SLOW_ATTEMPTS => return Err(Error::TooMuch(problem)),
                    Verdict::Slow(problem) => (problem, None),
                    Verdict::Again(problem, wait) => (problem, wait),
                },
                Err(error) => (transport(error), None),
            };
            if attempt == ATTEMPTS {
                return Err(Error::Unavailable(problem));
            }
            let wait = wait.map_or_else(|| backoff(attempt), |wait| wait.min(LONGEST_RETRY_AFTER));
            tracing::warn!(
                stream,
                attempt,
                wait_ms = wait.as_millis() as u64,
                "GitLab did not answer ({problem}); trying again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn send(&self, body: &Value) -> Result<(Verdict, OffsetDateTime), reqwest::Error> {
        let request = self
            .http
            .post(self.endpoint.clone())
            .bearer_auth(self.token.expose())
            .json(body);
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        Ok((judge(status, &headers, &bytes), clock(&headers)))
    }
}

/// The error without the address, which may hold a password.
fn transport(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn clock(headers: &HeaderMap) -> OffsetDateTime {
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let at = date.and_then(|date| httpdate::parse_http_date(date).ok());
    OffsetDateTime::from(at.unwrap_or_else(SystemTime::now))
}

/// Doubles with each attempt; half of it is by chance, so that many callers spread out.
fn backoff(attempt: u32) -> Duration {
    let full = (FIRST_WAIT * 2u32.pow(attempt - 1)).min(LONGEST_WAIT);
    let chance = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    full.mul_f64(0.5 + chance / 2.0)
}
