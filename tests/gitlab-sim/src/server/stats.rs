//! What was asked since the start or the last reset.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Default, Serialize)]
pub struct Stats {
    pub requests: Requests,
    /// GraphQL operations by name; one without a name counts as `-`.
    pub operations: BTreeMap<String, u64>,
    pub max_complexity: u32,
    pub bytes_sent: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct Requests {
    pub total: u64,
    pub graphql: u64,
    pub rest: u64,
    /// Not answered with data: no valid token, a fault, an error.
    pub refused: u64,
}
