//! The right to sync, which one process at a time holds. It ends by itself if its holder dies.

use std::time::Duration;

use uuid::Uuid;

use super::schema::{Column, Kind};
use super::sql::{LEASES, literal};
use super::{Error, Warehouse};

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

/// A lease that was acquired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub(super) name: String,
    pub(super) holder: String,
    ttl: Duration,
}

/// What came of the wish for a lease.
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

impl Lease {
    /// After this time without renewal others may take it.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }
}

impl Warehouse {
    /// Acquires the lease `name` for `ttl`, if nobody holds it.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn acquire(&self, name: &str, ttl: Duration) -> Result<Acquired, Error> {
        let lease = Lease {
            name: name.to_owned(),
            holder: Uuid::new_v4().simple().to_string(),
            ttl,
        };
        let rows = self
            .run_transaction(&acquire_script(&self.name_of(LEASES), &lease))
            .await?;
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

    /// Begins the lease's time anew. A lease that was lost stays lost.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn renew(&self, lease: &Lease) -> Result<(), Error> {
        self.run_transaction(&expire_script(&self.name_of(LEASES), lease, lease.ttl))
            .await?;
        Ok(())
    }

    /// Whether the lease is still ours: nobody else has taken it since.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn is_ours(&self, lease: &Lease) -> Result<bool, Error> {
        let leases = self.name_of(LEASES);
        let (name, holder) = (literal(&lease.name), literal(&lease.holder));
        let sql = format!("SELECT holder FROM {leases} WHERE name = {name} AND holder = {holder}");
        Ok(!self.query(sql).await?.is_empty())
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// If BigQuery can't be asked; the lease then ends by itself.
    pub async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.run_transaction(&expire_script(&self.name_of(LEASES), lease, Duration::ZERO))
            .await?;
        Ok(())
    }
}

/// Two MERGEs on one table can't both be committed, so of two callers one waits and then finds it held.
pub(super) fn acquire_script(leases: &str, lease: &Lease) -> String {
    let (name, holder) = (literal(&lease.name), literal(&lease.holder));
    let seconds = lease.ttl.as_secs();
    format!(
        "BEGIN TRANSACTION;\n\
         MERGE {leases} T USING (SELECT {name} AS name, {holder} AS holder, CURRENT_TIMESTAMP() AS now) S ON T.name = S.name\n\
         WHEN MATCHED AND T.expires_at <= S.now THEN UPDATE SET holder = S.holder, acquired_at = S.now, expires_at = TIMESTAMP_ADD(S.now, INTERVAL {seconds} SECOND)\n\
         WHEN NOT MATCHED THEN INSERT (name, holder, acquired_at, expires_at) VALUES (S.name, S.holder, S.now, TIMESTAMP_ADD(S.now, INTERVAL {seconds} SECOND));\n\
         COMMIT TRANSACTION;\n\
         SELECT holder, TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), acquired_at, SECOND) AS age_s, TIMESTAMP_DIFF(expires_at, CURRENT_TIMESTAMP(), SECOND) AS left_s FROM {leases} WHERE name = {name}"
    )
}

pub(super) fn expire_script(leases: &str, lease: &Lease, ttl: Duration) -> String {
    format!(
        "UPDATE {leases} SET expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {} SECOND) WHERE name = {} AND holder = {}",
        ttl.as_secs(),
        literal(&lease.name),
        literal(&lease.holder)
    )
}
