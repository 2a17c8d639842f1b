//! A proxy before the local warehouse that takes as long as BigQuery does, and counts.
//!
//! The local warehouse answers a small statement in milliseconds. BigQuery takes about a second for each job, whatever it does, and the
//! statements of a script that change data are jobs of their own, one after the other. So here a job takes *at least* what [`Pace`] says;
//! what the local warehouse itself needs is within that.

mod counts;
mod proxy;
mod statements;
mod storage;
mod trace;

use std::str::FromStr;
use std::time::Duration;

use local_stack::Failed;

pub use proxy::SlowWarehouse;

/// What things take at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A query job.
    pub job: Duration,
    /// Each further statement of a script that changes data.
    pub statement: Duration,
    /// Any other request, and each exchange with the Storage Write API.
    pub request: Duration,
    /// What a job reads in a second, in MB, as far as the local warehouse tells bytes; 0 for no such time.
    pub megabytes_per_second: u64,
}

impl Pace {
    /// What is assumed of BigQuery. Google promises no time for a small job; where yours is known, set it.
    pub const BIGQUERY: Self = Self {
        job: Duration::from_millis(1_200),
        statement: Duration::from_millis(500),
        request: Duration::from_millis(50),
        megabytes_per_second: 2_000,
    };
    /// The local warehouse's own.
    pub const NONE: Self = Self {
        job: Duration::ZERO,
        statement: Duration::ZERO,
        request: Duration::ZERO,
        megabytes_per_second: 0,
    };

    /// What a job of so many statements that change data takes.
    fn of_job(&self, changes: u32) -> Duration {
        self.job + self.statement * changes.saturating_sub(1)
    }

    /// What reading takes.
    fn of_bytes(&self, bytes: u64) -> Duration {
        match self.megabytes_per_second {
            0 => Duration::ZERO,
            speed => Duration::from_micros(bytes / speed),
        }
    }
}

impl FromStr for Pace {
    type Err = Failed;

    /// Milliseconds of a job, of a further statement and of a request, and MB a second: `1200,500,50,2000`.
    fn from_str(text: &str) -> Result<Self, Failed> {
        let numbers: Result<Vec<u64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
        match numbers.as_deref() {
            Ok([job, statement, request, megabytes_per_second]) => Ok(Self {
                job: Duration::from_millis(*job),
                statement: Duration::from_millis(*statement),
                request: Duration::from_millis(*request),
                megabytes_per_second: *megabytes_per_second,
            }),
            _ => Err(format!("'{text}' is no pace; four numbers as in 1200,500,50,2000 are")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_takes_longer_by_each_statement_after_the_first() {
        let pace: Pace = "1200,500,50,2000".parse().expect("a pace");
        assert_eq!(pace, Pace::BIGQUERY);
        assert_eq!(pace.of_job(0), Duration::from_millis(1_200));
        assert_eq!(pace.of_job(1), Duration::from_millis(1_200));
        assert_eq!(pace.of_job(6), Duration::from_millis(3_700));
        assert_eq!(pace.of_bytes(4_000_000_000), Duration::from_secs(2));
        assert_eq!(
            Pace::NONE.of_job(6) + Pace::NONE.of_bytes(4_000_000_000),
            Duration::ZERO
        );
        assert!("1200,500".parse::<Pace>().is_err());
    }
}
