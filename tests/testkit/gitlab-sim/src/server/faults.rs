//! Misbehaviour on demand: which request it hits, and with what.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::instant::{self, DAY, Instant};
use crate::poison::{Poison, Poisoned};
use crate::random::Random;
use crate::rest::Token;

/// What to do to the requests to GitLab's API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Waiting time before each answer.
    pub latency_ms: u64,
    /// Up to so much more of it.
    pub jitter_ms: u64,
    /// Speed of bodies.
    pub bytes_per_second: Option<u64>,
    /// Replaces the rate limit (requests a minute) until the faults end.
    pub rate_limit: Option<u64>,
    /// Reads see the world as it was so long ago, as from a database replica that lags behind.
    pub lag_ms: u64,
    /// How far the clock of the `Date` header is ahead, in seconds; negative if it is behind.
    pub clock_ahead_s: i64,
    /// Replaces what the token may do until the faults end.
    pub token: Option<TokenRule>,
    pub rules: Vec<Rule>,
    /// Rows and fields at which GitLab fails until the faults end.
    pub poison: Vec<Poisoned>,
    #[serde(skip)]
    waits: u64,
}

/// What the token is like instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    /// Without `api` and `read_api` the token may only be asked about itself.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    /// A date: from its beginning on (UTC) the token is expired.
    #[serde(default)]
    expires_at: Option<String>,
}

/// A fault for some requests.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// So many fitting requests go by first.
    #[serde(default)]
    after: u64,
    /// So many are hit then; by default all.
    #[serde(default)]
    times: Option<u64>,
    /// Only the GraphQL operation of this name, or the REST endpoint with this path or template (`/projects/:id/jobs`).
    #[serde(default)]
    operation: Option<String>,
    #[serde(flatten)]
    fault: Fault,
}

/// A fault.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// An HTTP error; without a body of its own it has GitLab's.
    Status {
        status: u16,
        /// Seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        #[serde(default)]
        body: Option<Value>,
    },
    /// A TCP reset instead of an answer.
    Reset,
    /// The connection ends in the middle of the body.
    Truncate,
    /// The answer comes so much later.
    Hang { ms: u64 },
    /// Status 200, but the JSON ends in the middle.
    InvalidJson,
    /// A page for people, as proxies send; with status 502 unless told otherwise.
    Html {
        #[serde(default)]
        status: Option<u16>,
    },
    /// Status 200 with `errors` beside data that has a hole. On REST: status 500.
    Partial,
    /// 401, as when a token expires in the middle.
    ExpiredToken,
    /// Status 200 and valid JSON, but a value in a list's row, chosen by the seed, is null.
    Null {
        #[serde(default)]
        seed: u64,
    },
    /// Status 200 and valid JSON, but a value in a list's row, chosen by the seed, is of another type.
    WrongType {
        #[serde(default)]
        seed: u64,
    },
    /// The page that the same query got before, as from a cache that ignores variables.
    RepeatedPage,
    /// The rows of the first list with pages are left out, and the page calls itself the last.
    MissingPage,
    /// REST: the list has no header `Link`, as behind a proxy; and none of the other headers about pages either, if it is
    /// `bare`.
    NoLink {
        #[serde(default)]
        bare: bool,
    },
}

impl Fault {
    /// Its name, as a rule gives it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Hang { .. } => "hang",
            Self::InvalidJson => "invalid_json",
            Self::Html { .. } => "html",
            Self::Partial => "partial",
            Self::ExpiredToken => "expired_token",
            Self::Null { .. } => "null",
            Self::WrongType { .. } => "wrong_type",
            Self::RepeatedPage => "repeated_page",
            Self::MissingPage => "missing_page",
            Self::NoLink { .. } => "no_link",
        }
    }
}

impl Faults {
    /// Whether it can be carried out; the error says what cannot.
    pub fn check(&self) -> Result<(), String> {
        if let Some(date) = self.token.as_ref().and_then(|token| token.expires_at.as_deref())
            && instant::parse(date).is_none()
        {
            return Err(format!("the token's expires_at, {date}, is no date"));
        }
        for rule in &self.rules {
            if let Fault::Status { status, .. } | Fault::Html { status: Some(status) } = &rule.fault
                && !(200..=599).contains(status)
            {
                return Err(impossible(*status));
            }
        }
        for poisoned in &self.poison {
            if let Poison::Status(status) = poisoned.poison
                && !(400..=599).contains(&status)
            {
                return Err(impossible(status));
            }
        }
        Ok(())
    }

    /// The fault for a request, which is then used up. Every fitting rule counts the request.
    pub fn next(&mut self, operations: &[String]) -> Option<Fault> {
        let mut hit = None;
        for rule in &mut self.rules {
            if rule.operation.as_ref().is_some_and(|name| !operations.contains(name)) {
                continue;
            }
            if rule.after > 0 {
                rule.after -= 1;
            } else if rule.times != Some(0) && hit.is_none() {
                rule.times = rule.times.map(|times| times - 1);
                hit = Some(rule.fault.clone());
            }
        }
        hit
    }

    /// Whether pages have to be kept, because one may be repeated.
    pub fn repeats(&self) -> bool {
        self.rules.iter().any(|rule| rule.fault == Fault::RepeatedPage)
    }

    /// The token at `now`; it may read and lasts most of a year unless told otherwise.
    pub fn token(&self, now: Instant) -> Token {
        let rule = self.token.as_ref();
        let expires_at = rule.and_then(|rule| instant::parse(rule.expires_at.as_deref()?));
        Token {
            scopes: rule
                .and_then(|rule| rule.scopes.clone())
                .unwrap_or_else(|| vec!["read_api".to_owned()]),
            expires_at: expires_at.or(Some((now + 300 * DAY).div_euclid(DAY) * DAY)),
        }
    }

    /// How long to wait before the next answer.
    pub fn wait(&mut self) -> Duration {
        self.waits += 1;
        let jitter = Random::of(self.waits, 95, 0).below(self.jitter_ms.saturating_add(1));
        Duration::from_millis(self.latency_ms.saturating_add(jitter))
    }
}

fn impossible(status: u16) -> String {
    format!("the status {status} is not one that can be given")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hits(rules: serde_json::Value, operations: &[&str]) -> Vec<bool> {
        let mut faults: Faults = serde_json::from_value(json!({"rules": rules})).expect("faults");
        let hit = |name: &&str| faults.next(&[(*name).to_owned()]).is_some();
        operations.iter().map(hit).collect()
    }

    #[test]
    fn a_rule_waits_hits_and_ends() {
        let rules = json!([{"after": 1, "times": 2, "fault": "reset", "operation": "A"}]);
        assert_eq!(
            hits(rules, &["A", "B", "A", "A", "A"]),
            [false, false, true, true, false]
        );
        assert_eq!(
            hits(json!([{"fault": "reset", "times": null}]), &["A", "B"]),
            [true, true]
        );
    }

    #[test]
    fn an_impossible_status_is_refused() {
        let faults: Faults = serde_json::from_value(json!({"rules": [{"fault": "status", "status": 99}]})).unwrap();
        assert!(faults.check().is_err());
        assert!(serde_json::from_value::<Faults>(json!({"rules": [{"fault": "flood"}]})).is_err());
    }

    #[test]
    fn jitter_comes_on_top_of_latency() {
        let mut faults: Faults = serde_json::from_value(json!({"latency_ms": 40, "jitter_ms": 10})).unwrap();
        let waits: Vec<u128> = (0..200).map(|_| faults.wait().as_millis()).collect();
        assert!(waits.iter().all(|wait| (40..=50).contains(wait)));
        assert!(waits.contains(&40) && waits.contains(&50));
    }
}
