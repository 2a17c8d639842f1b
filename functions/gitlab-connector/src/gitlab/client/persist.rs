//! Sends a request until there is an answer, or no use in trying again.

use std::sync::PoisonError;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;

use super::{Client, Patience};
use crate::gitlab::Error;
use crate::gitlab::response::{ResponseAction, judge, judge_rest};
use crate::gitlab::transport::Call;

/// Tries of one request before GitLab counts as not available; with the waits below about a minute.
pub const ATTEMPTS: u32 = 7;
/// Tries of a request that GitLab found too slow, before a smaller one is worth more.
pub const SLOW_ATTEMPTS: u32 = 3;
/// Tries of a request that has failed already as a part of a larger one.
const FEW_ATTEMPTS: u32 = 2;
impl Client {
    /// Sends until there is an answer, or no use in trying again.
    ///
    /// # Errors
    /// What remains after trying again.
    pub(super) async fn persist(
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
