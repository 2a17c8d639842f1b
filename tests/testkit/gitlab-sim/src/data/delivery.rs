//! What the generator knows of a history of deliveries, because it made it: the truth that any reckoning of the rows has to meet.

use std::collections::BTreeMap;

use serde::Serialize;

/// A history, by project and day (days since 1970, UTC).
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    pub days: BTreeMap<(u64, i64), Day>,
}

/// What happened in a project on one day.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Day {
    /// Deployments to production that succeeded, rollbacks among them.
    pub releases: u32,
    pub rollbacks: u32,
    /// Of those releases the ones that an incident followed or that were rolled back, on whatever day.
    pub failed_releases: u32,
    /// Merge requests that came to production for the first time.
    pub changes: Vec<LeadTime>,
    /// Incidents that began.
    pub incidents: u32,
    /// Seconds from their beginnings of the incidents that ended on this day.
    pub restored_seconds: Vec<i64>,
}

/// How long one merge request took to production.
#[derive(Clone, Debug, Serialize)]
pub struct LeadTime {
    pub merge_request: u64,
    pub deployment: u64,
    pub seconds_from_first_commit: i64,
    pub seconds_from_merge: i64,
}
