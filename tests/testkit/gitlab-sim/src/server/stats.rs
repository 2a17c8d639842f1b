//! What was asked since the start or the last reset.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Default, Serialize)]
pub struct Stats {
    pub requests: Requests,
    /// GraphQL operations by name, and REST endpoints by template (`/projects/:id/jobs`). An operation without a name
    /// counts as `-`. Each part of a multiplex counts.
    pub operations: BTreeMap<String, u64>,
    /// The highest score of a query, refused ones included.
    pub max_complexity: u32,
    /// Bytes of bodies.
    pub bytes_sent: u64,
    /// Requests that a rule's fault hit, by its name.
    pub faults: BTreeMap<&'static str, u64>,
}

/// Requests to GitLab's own API; those to `/_sim` and `/healthz` do not count.
#[derive(Debug, Default, Serialize)]
pub struct Requests {
    pub total: u64,
    pub graphql: u64,
    pub rest: u64,
    /// Not answered with data alone: no valid token, a fault, an error, too many requests.
    pub refused: u64,
}
