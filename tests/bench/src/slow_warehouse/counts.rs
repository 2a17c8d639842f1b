//! What passed through.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Begins a query job.
    Job {
        /// Whether it is one of dbt's.
        of_dbt: bool,
    },
    /// Asks for a job's state or its rows.
    Poll,
    /// Anything else: datasets, tables, rows of a table.
    Metadata,
}

/// What has passed since the beginning, or since the last [`Counts::take`].
#[derive(Debug, Default)]
pub struct Counts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When each query job began and had its answer.
    jobs: Vec<(Instant, Instant)>,
    of_dbt: u64,
    polls: u64,
    metadata: u64,
    exchanges: u64,
    bytes: u64,
}

impl Counts {
    /// Counts a request that has been answered.
    pub fn add(&self, kind: Kind, begun: Instant, bytes: u64) {
        let mut state = self.state();
        match kind {
            Kind::Job { of_dbt } => {
                state.jobs.push((begun, Instant::now()));
                state.of_dbt += u64::from(of_dbt);
            }
            Kind::Poll => state.polls += 1,
            Kind::Metadata => state.metadata += 1,
        }
        state.bytes += bytes;
    }

    /// Counts an exchange with the Storage Write API.
    pub fn add_exchange(&self) {
        self.state().exchanges += 1;
    }

    /// All figures, which then begin anew.
    pub fn take(&self) -> Value {
        let state = std::mem::take(&mut *self.state());
        json!({
            "jobs": state.jobs.len(), "of_dbt": state.of_dbt, "chain": longest_chain(&state.jobs),
            "requests": state.jobs.len() as u64 + state.polls + state.metadata,
            "metadata": state.metadata, "exchanges": state.exchanges, "bytes": state.bytes,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most jobs of which each began after the one before had ended.
fn longest_chain(jobs: &[(Instant, Instant)]) -> usize {
    let mut by_end = jobs.to_vec();
    by_end.sort_by_key(|(_, ended)| *ended);
    let mut last = None;
    by_end
        .iter()
        .filter(|(begun, ended)| {
            let follows = last.is_none_or(|last| *begun >= last);
            if follows {
                last = Some(*ended);
            }
            follows
        })
        .count()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn jobs_that_overlap_are_one_link_of_the_chain() {
        let zero = Instant::now();
        let job = |from: u64, to: u64| (zero + Duration::from_secs(from), zero + Duration::from_secs(to));
        assert_eq!(longest_chain(&[]), 0);
        assert_eq!(longest_chain(&[job(0, 2), job(1, 3), job(1, 4)]), 1);
        assert_eq!(longest_chain(&[job(0, 9), job(3, 4), job(1, 2), job(5, 6)]), 3);
        assert_eq!(longest_chain(&[job(2, 3), job(0, 2)]), 2);
    }

    #[test]
    fn taken_figures_begin_anew() {
        let counts = Counts::default();
        counts.add(Kind::Job { of_dbt: true }, Instant::now(), 7);
        counts.add(Kind::Poll, Instant::now(), 0);
        counts.add(Kind::Metadata, Instant::now(), 0);
        let taken = counts.take();
        assert_eq!(
            (&taken["jobs"], &taken["requests"], &taken["metadata"]),
            (&json!(1), &json!(3), &json!(1))
        );
        assert_eq!(taken["bytes"], 7);
        assert_eq!(counts.take()["requests"], 0);
    }
}
