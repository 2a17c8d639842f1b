//! What a sync is to do.

use std::collections::BTreeSet;
use std::time::Duration;

use time::OffsetDateTime;

use super::passes::Pass;

/// What a sync is to do, apart from its scopes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of the streams to sync.
    pub streams: BTreeSet<String>,
    /// Only these passes; empty: all. What a pass reads does not change, since its cursor stands for all of it.
    pub only: Vec<Pass>,
    /// What was last updated before is left out.
    pub start_date: Option<OffsetDateTime>,
    /// After this time a sync stops at the next checkpoint; the next one goes on there.
    pub deadline: Duration,
    /// How far before the last sync's start the next one begins to look.
    pub overlap: Duration,
    /// After so many rows a sync stops at the next checkpoint.
    pub max_records: Option<u64>,
    /// How often rows that are gone in GitLab are looked for.
    pub reconcile_every: Duration,
    /// How often open merge requests are read whether they changed or not.
    pub refresh_every: Duration,
    /// How often groups, labels and milestones are read whole.
    pub dimensions_every: Duration,
}

impl Options {
    /// These streams, with the usual times.
    #[cfg(test)]
    pub fn of_streams<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self {
            streams: names.into_iter().map(ToOwned::to_owned).collect(),
            only: Vec::new(),
            start_date: None,
            deadline: hours(1),
            overlap: Duration::from_secs(300),
            max_records: None,
            reconcile_every: hours(24),
            refresh_every: hours(24),
            dimensions_every: hours(24),
        }
    }

    /// Whether a stream is synced.
    pub fn on(&self, stream: &str) -> bool {
        self.streams.contains(stream)
    }
}
