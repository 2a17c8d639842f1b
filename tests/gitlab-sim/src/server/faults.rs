//! Misbehaviour on demand.

use serde::Deserialize;

/// What to do to the requests that come.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Waiting time before each answer.
    pub latency_ms: u64,
    /// Up to so much more of it.
    pub jitter_ms: u64,
    pub rules: Vec<Rule>,
}

/// A fault for some requests.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// So many fitting requests go by first.
    #[serde(default)]
    after: u64,
    /// So many are hit then; by default all.
    #[serde(default = "forever")]
    times: u64,
    /// Only GraphQL operations of this name.
    #[serde(default)]
    operation: Option<String>,
    #[serde(flatten)]
    fault: Fault,
}

/// A fault.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// An HTTP error.
    Status {
        status: u16,
        #[serde(default)]
        retry_after: Option<u64>,
        #[serde(default)]
        body: Option<String>,
    },
    /// The connection breaks before the body.
    Reset,
    /// The connection breaks in the middle of the body.
    Truncate,
    /// No answer for so long.
    Hang {
        ms: u64,
    },
    InvalidJson,
    /// A proxy's error page, with status 200.
    Html,
    /// An answer with errors and holes.
    Partial,
    /// 401, as when a token expires in the middle.
    ExpiredToken,
}

fn forever() -> u64 {
    u64::MAX
}

impl Faults {
    /// The fault for a request, which is then used up.
    pub fn next(&mut self, operation: &str) -> Option<Fault> {
        let rules = self
            .rules
            .iter_mut()
            .filter(|rule| rule.operation.as_deref().is_none_or(|name| name == operation));
        let mut hit = None;
        for rule in rules {
            if rule.after > 0 {
                rule.after -= 1;
            } else if rule.times > 0 && hit.is_none() {
                rule.times = rule.times.saturating_sub(1);
                hit = Some(rule.fault.clone());
            }
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_waits_hits_and_ends() {
        let faults = json!({"rules": [{"after": 1, "times": 2, "fault": "reset", "operation": "A"}]});
        let mut faults: Faults = serde_json::from_value(faults).expect("faults");
        let hits: Vec<bool> = ["A", "B", "A", "A", "A"]
            .iter()
            .map(|name| faults.next(name).is_some())
            .collect();
        assert_eq!(hits, [false, false, true, true, false]);
    }
}
