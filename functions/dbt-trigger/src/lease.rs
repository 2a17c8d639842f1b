//! The right to run dbt, which one of all instances has: a row of `_dbt_leases` beside the models.
//!
//! A lease is only ever changed by one `UPDATE`, which BigQuery does not let two callers do at once.

use std::sync::Arc;
use std::time::Duration;

use mergemind_shared::warehouse::Warehouse;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How often a lease that another instance holds is asked for.
const PAUSE: Duration = Duration::from_secs(2);
/// Tries of a request to BigQuery.
const ATTEMPTS: u32 = 3;

/// Takes leases; cheap to clone.
#[derive(Debug, Clone)]
pub struct Leases {
    warehouse: Arc<Warehouse>,
    ready: Arc<OnceCell<()>>,
    holder: String,
    duration: Duration,
}

/// A lease that is held, and renewed in the background, until it is given back or dropped.
#[derive(Debug)]
pub struct Lease {
    leases: Leases,
    name: String,
    _renewal: AbortOnDropHandle<()>,
    /// Whether it was taken from an instance that let it expire: that one was killed, or froze.
    pub was_abandoned: bool,
}

impl Leases {
    /// Of `holder`, which names this process; a lease that is not renewed expires after `duration`.
    pub fn new(warehouse: Arc<Warehouse>, holder: &str, duration: Duration) -> Self {
        Self {
            warehouse,
            ready: Arc::default(),
            holder: holder.into(),
            duration,
        }
    }

    /// Waits until the lease `name` is ours; `None` if `given_up` comes first.
    ///
    /// # Errors
    /// Why BigQuery can't be asked, for people.
    pub async fn take(&self, name: &str, given_up: &CancellationToken) -> Result<Option<Lease>, String> {
        let make = || async { self.make(name).await };
        self.ready.get_or_try_init(make).await?;
        let mut told = false;
        loop {
            let (holder, before) = self.try_take(name).await?;
            if holder == self.holder {
                let (leases, renewed) = (self.clone(), name.to_owned());
                return Ok(Some(Lease {
                    was_abandoned: !before.is_empty() && before != self.holder,
                    _renewal: AbortOnDropHandle::new(tokio::spawn(async move { leases.renew(&renewed).await })),
                    leases: self.clone(),
                    name: name.into(),
                }));
            }
            if !told {
                tracing::info!(holder, "another instance runs dbt; waiting for its end");
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = given_up.cancelled() => return Ok(None),
            }
        }
    }

    /// Tries once; who holds it now, and who did before.
    async fn try_take(&self, name: &str) -> Result<(String, String), String> {
        let (table, me, seconds) = (self.table(), &self.holder, self.duration.as_secs());
        let rows = self
            .ask(&format!(
                "UPDATE {table} SET previous = holder, holder = '{me}', \
                 expires_at = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {seconds} SECOND) \
                 WHERE name = '{name}' AND (holder IN ('', '{me}') OR expires_at < CURRENT_TIMESTAMP()); \
                 SELECT holder, previous FROM {table} WHERE name = '{name}';"
            ))
            .await?;
        rows.into_iter().next().ok_or_else(|| "the lease's row is gone".into())
    }

    /// Two instances may both insert the row at the very first: then both rows change together.
    async fn make(&self, name: &str) -> Result<(), String> {
        let table = self.table();
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {table} (name STRING, holder STRING, previous STRING, expires_at TIMESTAMP)"
        );
        self.warehouse.query(create).await.map_err(|e| e.to_string())?;
        let insert = format!(
            "INSERT INTO {table} (name, holder, previous, expires_at) SELECT '{name}', '', '', TIMESTAMP '1970-01-01 00:00:00 UTC' \
             FROM (SELECT 1) WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE name = '{name}')"
        );
        self.warehouse
            .query(insert)
            .await
            .map(|_| ())
            .map_err(|e| e.to_string())
    }

    async fn renew(&self, name: &str) {
        loop {
            tokio::time::sleep(self.duration / 3).await;
            match self.try_take(name).await {
                Ok((holder, _)) if holder == self.holder => {}
                Ok((holder, _)) => tracing::error!(holder, "another instance has taken the lease of this run"),
                Err(e) => tracing::warn!("the lease can't be renewed: {e}"),
            }
        }
    }

    async fn ask(&self, sql: &str) -> Result<Vec<(String, String)>, String> {
        let mut attempt = 1;
        loop {
            match self.warehouse.query(sql).await {
                Ok(rows) => {
                    let texts = |row: mergemind_shared::warehouse::ResultRow| {
                        Ok((
                            row.get("holder").map_err(|e| format!("{e}"))?,
                            row.get("previous").map_err(|e| format!("{e}"))?,
                        ))
                    };
                    return rows.into_iter().map(texts).collect();
                }
                Err(e) if attempt == ATTEMPTS => return Err(e.to_string()),
                // BigQuery lets one of two simultaneous updates fail.
                Err(_) => tokio::time::sleep(Duration::from_millis(300 << attempt)).await,
            }
            attempt += 1;
        }
    }

    fn table(&self) -> String {
        self.warehouse.name_of("_dbt_leases")
    }
}

impl Lease {
    /// Gives it back, so that the next instance need not wait until it expires.
    pub async fn give_back(self) {
        let (leases, name) = (&self.leases, &self.name);
        let (table, me) = (leases.table(), &leases.holder);
        let sql =
            format!("UPDATE {table} SET previous = holder, holder = '' WHERE name = '{name}' AND holder = '{me}'");
        if let Err(e) = leases.warehouse.query(sql).await {
            tracing::warn!("the lease can't be given back, so it is left to expire: {e}");
        }
    }
}
