//! GitLab's rate limit: requests per minute, told in headers and enforced with 429.

use super::call::Reply;
use crate::instant::{self, Instant, MINUTE, SECOND};

/// Counts requests in windows of one minute by the clock.
pub struct Rate {
    /// Requests a minute; 0 for none, as self-managed instances come: then there are no headers either.
    limit: u64,
    usual: u64,
    window: Instant,
    observed: u64,
}

impl Rate {
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            usual: limit,
            window: 0,
            observed: 0,
        }
    }

    /// Sets another limit, or the one from the start again, and begins to count anew.
    pub fn replace(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(self.usual);
        self.observed = 0;
    }

    /// Counts a request. True if it is within the limit.
    pub fn admit(&mut self, now: Instant) -> bool {
        let window = now.div_euclid(MINUTE);
        if window != self.window {
            self.window = window;
            self.observed = 0;
        }
        self.observed += 1;
        self.limit == 0 || self.observed <= self.limit
    }

    /// The headers that every answer carries.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        if self.limit == 0 {
            return Vec::new();
        }
        vec![
            ("ratelimit-limit", self.limit.to_string()),
            ("ratelimit-name", "throttle_authenticated_api".to_owned()),
            ("ratelimit-observed", self.observed.to_string()),
            (
                "ratelimit-remaining",
                self.limit.saturating_sub(self.observed).to_string(),
            ),
            ("ratelimit-reset", (self.reset() / SECOND).to_string()),
        ]
    }

    /// The answer to one request too many.
    pub fn refusal(&self, now: Instant) -> Reply {
        let wait = (self.reset() - now + SECOND - 1).max(SECOND) / SECOND;
        too_many(wait as u64, self.reset())
    }

    fn reset(&self) -> Instant {
        (self.window + 1) * MINUTE
    }
}

/// The words of Rack::Attack, which guards GitLab. `reset` is when requests are let in again.
pub fn too_many(wait_seconds: u64, reset: Instant) -> Reply {
    let mut reply = Reply::new(429, "text/plain", "Retry later\n");
    reply.headers.push(("retry-after", wait_seconds.to_string()));
    reply.headers.push(("ratelimit-resettime", instant::print_http(reset)));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_minute_lets_in_again() {
        let mut rate = Rate::new(2);
        let start = 100 * MINUTE;
        let admitted = [0, 1, 2, MINUTE].map(|later| rate.admit(start + later));
        assert_eq!(admitted, [true, true, false, true]);
        assert!(rate.headers().contains(&("ratelimit-remaining", "1".to_owned())));
        assert!(Rate::new(0).admit(start) && Rate::new(0).headers().is_empty());
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let mut rate = Rate::new(1);
        let now = 100 * MINUTE + 45 * SECOND;
        rate.admit(now);
        let headers = rate.refusal(now).headers;
        assert!(headers.contains(&("retry-after", "15".to_owned())), "{headers:?}");
        assert!(headers.contains(&("ratelimit-resettime", "Thu, 01 Jan 1970 01:41:00 GMT".to_owned())));
    }
}
