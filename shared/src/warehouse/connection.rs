//! The clients of BigQuery, and statements.

use google_cloud_auth::credentials::anonymous;
use google_cloud_bigquery::client::{BigQuery, Write};
pub use google_cloud_bigquery::query::Row as ResultRow;
use google_cloud_bigquery_v2::client::TableService;

use super::error::Error;
use super::persist::persist;
use super::refusal::Reason;
use super::settings::Settings;

/// Access to one dataset of raw tables.
#[derive(Debug)]
pub struct Warehouse {
    pub(super) settings: Settings,
    pub(super) queries: BigQuery,
    pub(super) writes: Write,
    /// Makes tables: one REST call instead of a query job.
    pub(super) tables: TableService,
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

    /// Runs a statement, and does not try again.
    ///
    /// # Errors
    /// If BigQuery refuses it, or does not answer.
    pub(super) async fn query_once(&self, sql: &str) -> Result<Vec<ResultRow>, Error> {
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
