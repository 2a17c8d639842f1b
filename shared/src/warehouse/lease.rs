//! The right to do something that only one process at a time may do. It ends by itself if its holder dies.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::connection::{ResultRow, Warehouse};
use super::cursor::Cursor;
use super::error::Error;
use super::schema::{Column, Kind};
use super::sql::{CURSORS, LEASES, Lease, acquire_and_read_script, acquire_script, release_script, renew_script};

/// The columns of the table of leases.
pub(super) const COLUMNS: [Column; 4] = [
    Column::new("name", Kind::String, "What may be done by one at a time."),
    Column::new("holder", Kind::String, "Who may do it: a random name."),
    Column::new("acquired_at", Kind::Timestamp, "Since when."),
    Column::new(
        "expires_at",
        Kind::Timestamp,
        "Until when, unless the holder renews it.",
    ),
];

/// How long an error may wait for the lease to be given back that it may have left.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// Result of trying to acquire a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours.
    Ours(Lease),
    /// Another one has had it for `age`, and has it for at least `left` more.
    Held {
        /// Since how long.
        age: Duration,
        /// For how long at least, unless its holder ends it.
        left: Duration,
    },
}

/// A lease that is held: renewed in the background until it is released or dropped.
///
/// Dropping it without [`Guard::release`] leaves the lease to expire, as the death of the process would.
#[derive(Debug)]
pub struct Guard {
    warehouse: Arc<Warehouse>,
    lease: Lease,
    lost: CancellationToken,
    renewal: AbortOnDropHandle<()>,
}

impl Guard {
    /// Renews `lease` every third of its lifetime from now on. Must be called within a Tokio runtime.
    #[must_use]
    pub fn hold(warehouse: Arc<Warehouse>, lease: Lease) -> Self {
        let lost = CancellationToken::new();
        let renew = {
            let (warehouse, lease) = (warehouse.clone(), lease.clone());
            async move || warehouse.renew_if_ours(&lease).await
        };
        let renewal = keep(lease.clone(), renew, lost.clone());
        Self {
            renewal: AbortOnDropHandle::new(tokio::spawn(renewal)),
            warehouse,
            lease,
            lost,
        }
    }

    /// The lease, for commits that must fail if it is lost ([`super::Commit::lease`]).
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Cancelled when another process has taken the lease.
    ///
    /// A lease that can't be renewed because BigQuery does not answer is not lost: nobody else can acquire it then
    /// either, and when BigQuery answers again, whoever asks first holds it.
    #[must_use]
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Ends the lease now, so that the next holder need not wait until it expires.
    ///
    /// # Errors
    /// If BigQuery can't be asked; the lease then expires by itself.
    pub async fn release(self) -> Result<(), Error> {
        // A renewal that is answered after the release would say that the lease was lost.
        drop(self.renewal);
        self.warehouse.release(&self.lease).await
    }
}

/// Calls `renew` every third of the lease's lifetime, until it answers that another process holds the lease.
async fn keep(lease: Lease, renew: impl AsyncFn() -> Result<bool, Error>, lost: CancellationToken) {
    let (name, ttl) = (&lease.name, lease.ttl);
    let mut renewed_at = Instant::now();
    loop {
        tokio::time::sleep(ttl / 3).await;
        let asked_at = Instant::now();
        let problem = match timeout(ttl, renew()).await {
            Ok(Ok(true)) => {
                renewed_at = asked_at;
                continue;
            }
            Ok(Ok(false)) => {
                tracing::error!(lease = name, "the lease is lost: another instance has taken it");
                return lost.cancel();
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "BigQuery does not answer".to_owned(),
        };
        let seconds = renewed_at.elapsed().as_secs();
        if renewed_at.elapsed() < ttl {
            tracing::warn!(lease = name, "the lease could not be renewed; trying again: {problem}");
        } else {
            tracing::error!(
                lease = name,
                "the lease could not be renewed for {seconds} s, so another instance may take it: {problem}"
            );
        }
    }
}

impl Lease {
    fn new(name: &str, ttl: Duration) -> Self {
        Self {
            name: name.to_owned(),
            holder: Uuid::new_v4().simple().to_string(),
            ttl,
        }
    }
}

/// What the rows of [`acquire_script`] say of `lease`.
fn acquired(lease: Lease, rows: &[ResultRow]) -> Result<Acquired, Error> {
    let row = rows
        .first()
        .ok_or_else(|| Error::Answer("a lease has no holder".into()))?;
    let holder: String = row.get("holder")?;
    if holder == lease.holder {
        return Ok(Acquired::Ours(lease));
    }
    let seconds = |name: &str| -> Result<Duration, Error> {
        let seconds: i64 = row.get(name)?;
        Ok(Duration::from_secs(seconds.max(0).unsigned_abs()))
    };
    Ok(Acquired::Held {
        age: seconds("age_s")?,
        left: seconds("left_s")?,
    })
}

impl Warehouse {
    /// Acquires the lease `name` for `ttl`, if nobody holds it.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn acquire(&self, name: &str, ttl: Duration) -> Result<Acquired, Error> {
        let lease = Lease::new(name, ttl);
        let rows = self
            .ask_for(&lease, acquire_script(&self.name_of(LEASES), &lease))
            .await?;
        acquired(lease, &rows)
    }

    /// The same, with all cursors as they are then: none if it is not ours.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn acquire_and_read(&self, name: &str, ttl: Duration) -> Result<(Acquired, Vec<Cursor>), Error> {
        let lease = Lease::new(name, ttl);
        let script = acquire_and_read_script(&self.name_of(LEASES), &self.name_of(CURSORS), &lease);
        let rows = self.ask_for(&lease, script).await?;
        let acquired = acquired(lease, &rows)?;
        let mut cursors = Vec::new();
        for row in &rows {
            let stream: Option<String> = row.get("stream")?;
            if stream.is_some() {
                cursors.push(Cursor::of(row)?);
            }
        }
        Ok((acquired, cursors))
    }

    /// Runs a script that acquires `lease` first. If it fails then, the lease may be ours all the same: it is given back, or
    /// whoever asks again would wait for nobody.
    async fn ask_for(&self, lease: &Lease, script: String) -> Result<Vec<ResultRow>, Error> {
        let rows = self.query(script).await;
        if rows.is_err() {
            // What this comes to changes nothing of the answer.
            let _ = timeout(GIVING_BACK, self.release(lease)).await;
        }
        rows
    }

    /// Prolongs the lease by its lifetime. Returns whether it is still ours.
    async fn renew_if_ours(&self, lease: &Lease) -> Result<bool, Error> {
        let script = renew_script(&self.name_of(LEASES), lease);
        Ok(!self.query(script).await?.is_empty())
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// If BigQuery can't be asked; the lease then ends by itself.
    pub async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.query(release_script(&self.name_of(LEASES), lease)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::refusal::Refusal;
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn lease() -> Lease {
        Lease {
            name: "sync".into(),
            holder: "h".into(),
            ttl: TTL,
        }
    }

    /// Renews with these answers, in this order; without an answer BigQuery is silent. Returns whether the lease was
    /// lost, and the seconds at which it was renewed.
    async fn renewed(answers: Vec<Option<Result<bool, Error>>>) -> (bool, Vec<u64>) {
        let begun = Instant::now();
        let answers = Mutex::new(answers.into_iter());
        let times = Arc::new(Mutex::new(Vec::new()));
        let noted = times.clone();
        let renew = async move || {
            noted.lock().expect("a lock").push(begun.elapsed().as_secs());
            let answer = answers.lock().expect("a lock").next().unwrap_or(Some(Ok(true)));
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        };
        let lost = CancellationToken::new();
        let renewal = tokio::spawn(keep(lease(), renew, lost.clone()));
        tokio::time::sleep(TTL * 3).await;
        renewal.abort();
        let times = times.lock().expect("a lock").clone();
        (lost.is_cancelled(), times)
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_renewed_every_third_of_its_lifetime_until_another_takes_it() {
        assert_eq!(renewed(vec![]).await, (false, vec![20, 40, 60, 80, 100, 120, 140, 160]));
        let taken = vec![Some(Ok(true)), Some(Ok(false))];
        assert_eq!(renewed(taken).await, (true, vec![20, 40]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bigquery_that_cannot_be_asked_loses_no_lease() {
        let away = || Some(Err(Error::Query(Refusal::outage("away"))));
        let outage = vec![away(), away(), away(), None, away()];
        assert_eq!(renewed(outage).await, (false, vec![20, 40, 60, 80, 160]));
    }
}
