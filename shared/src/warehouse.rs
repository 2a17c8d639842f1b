//! Raw tables in BigQuery: made when missing, and only ever changed by [`Warehouse::commit`], which
//! upserts rows and advances their cursor in one transaction.
//!
//! The same code serves BigQuery and its local emulator; only the endpoints and the credentials
//! differ. Forms that one of the two lacks are avoided: `MERGE … INSERT ROW`, `@@row_count`, `ASSERT`,
//! exception blocks, more than one `ALTER` in a statement.

mod changes;
mod commit;
mod cursor;
mod encode;
mod error;
#[cfg(test)]
mod fuzz;
mod lease;
mod merge;
mod refusal;
#[cfg(test)]
mod refused;
mod schema;
mod settings;
mod sql;
mod stage;
mod sweep;
mod tables;
mod trial;
mod value;

use google_cloud_auth::credentials::anonymous;
use google_cloud_bigquery::client::{BigQuery, Write};
pub use google_cloud_bigquery::query::Row as ResultRow;
use google_cloud_bigquery_v2::client::TableService;

use refusal::persist;

pub use changes::{Change, Position};
pub use commit::{Batch, Commit, CursorMove, Mark, Whole, Written, last_of_each_key, newest_mark};
pub use cursor::Cursor;
pub use error::Error;
pub use lease::{Acquired, Guard as LeaseGuard, Lease};
pub use refusal::{Reason, Refusal};
pub use schema::{Column, Kind, Table};
pub use settings::{Emulator, Settings};
pub use sweep::{Sweep, Within, one_of};
pub use tables::Lacking;
pub use trial::Failed as TrialFailed;
pub use value::{Row, Value, row_hash};

/// Access to one dataset of raw tables.
#[derive(Debug)]
pub struct Warehouse {
    settings: Settings,
    queries: BigQuery,
    writes: Write,
    /// Makes tables: one REST call instead of a query job.
    tables: TableService,
}

impl Warehouse {
    /// Makes the clients; nothing is sent yet.
    ///
    /// # Errors
    /// If there are no Google credentials, or an endpoint is not usable.
    pub async fn connect(settings: Settings) -> Result<Self, Error> {
        let mut queries = BigQuery::builder().with_project_id(&settings.project);
        let mut writes = Write::builder();
        let mut tables = TableService::builder();
        if let Some(emulator) = &settings.emulator {
            let nobody = anonymous::Builder::new().build();
            queries = queries.with_endpoint(&emulator.rest).with_credentials(nobody.clone());
            writes = writes.with_endpoint(&emulator.storage).with_credentials(nobody.clone());
            tables = tables.with_endpoint(&emulator.rest).with_credentials(nobody);
        }
        let connect = |e: google_cloud_gax::client_builder::Error| Error::Connect(e.to_string());
        Ok(Self {
            queries: queries.build().await.map_err(connect)?,
            writes: writes.build().await.map_err(connect)?,
            tables: tables.build().await.map_err(connect)?,
            settings,
        })
    }

    /// Where this warehouse is.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A table's name as queries need it: `` `project.dataset.table` ``.
    #[must_use]
    pub fn name_of(&self, table: &str) -> String {
        format!("`{}.{}.{table}`", self.settings.project, self.settings.dataset)
    }

    /// Runs a statement, or a script, that may be repeated without harm, and returns the rows of the last one. What
    /// BigQuery refuses for a while is tried again.
    ///
    /// # Errors
    /// If BigQuery can't be reached or refuses the statement.
    pub async fn query(&self, sql: impl Into<String>) -> Result<Vec<ResultRow>, Error> {
        let sql = sql.into();
        // What is missing stays so until somebody makes it: the caller, often.
        persist(
            "a statement",
            |reason| reason != Reason::Missing,
            || self.query_once(&sql),
        )
        .await
    }

    async fn query_once(&self, sql: &str) -> Result<Vec<ResultRow>, Error> {
        let mut query = self.queries.query(sql);
        if let Some(location) = &self.settings.location {
            query = query.set_location(location);
        }
        let mut results = query.until_done().await?.read();
        let mut rows = Vec::new();
        while let Some(row) = results.next().await {
            rows.push(row?);
        }
        Ok(rows)
    }
}
