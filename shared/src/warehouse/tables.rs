//! Making the dataset and its tables, and adding columns that a new release brings.

use std::collections::HashSet;
use std::time::Duration;

use google_cloud_bigquery_v2::model::{
    Clustering, Table as RestTable, TableFieldSchema, TableReference, TableSchema, TimePartitioning,
};
use google_cloud_gax::options::RequestOptionsBuilder;
use tokio::time::timeout;

use super::persist::persist;
use super::refusal::NO_CREDENTIALS;
use super::schema::{Column, Table};
use super::sql::{self, CURSORS, LEASES};
use super::{Error, Warehouse, cursor, lease};

/// How long the first question to BigQuery may take, with the attempts that a rate limit costs.
const FIRST_ANSWER: Duration = Duration::from_secs(180);

/// What a dataset lacks.
#[derive(Debug)]
pub struct SchemaDiff<'a> {
    /// Whether there is not a single table.
    empty: bool,
    cursors: bool,
    leases: bool,
    tables: Vec<&'a Table>,
    columns: Vec<(&'a Table, &'a Column)>,
}

impl SchemaDiff<'_> {
    /// The raw tables that are missing although there are others: somebody has dropped them, or they are new.
    pub fn dropped(&self) -> impl Iterator<Item = &'static str> {
        let known = !self.empty && !self.cursors;
        self.tables.iter().filter(move |_| known).map(|table| table.name)
    }
}

impl Warehouse {
    /// Makes what is missing: the dataset, tables, columns. Nothing is ever dropped or changed.
    ///
    /// # Errors
    /// If BigQuery can't be reached, or our account may not do this.
    pub async fn ensure(&self, tables: &[&Table]) -> Result<(), Error> {
        let diff = self.schema_diff(tables).await?;
        self.make(diff).await
    }

    /// Looks what is missing.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn schema_diff<'a>(&self, tables: &[&'a Table]) -> Result<SchemaDiff<'a>, Error> {
        let existing = match self.existing_columns().await {
            Err(error) if error.is_not_found() => HashSet::new(),
            other => other?,
        };
        let exists = |table: &str| existing.iter().any(|(name, _)| name == table);
        let has = |table: &str, column: &str| existing.contains(&(table.to_owned(), column.to_owned()));
        let (there, missing): (Vec<&Table>, Vec<&Table>) = tables.iter().partition(|table| exists(table.name));
        let columns = there.into_iter().flat_map(|table| {
            let columns = table.all_columns().map(move |column| (table, column));
            columns.filter(|(table, column)| !has(table.name, column.name))
        });
        Ok(SchemaDiff {
            empty: existing.is_empty(),
            cursors: !exists(CURSORS),
            leases: !exists(LEASES),
            columns: columns.collect(),
            tables: missing,
        })
    }

    /// Makes what is missing.
    ///
    /// # Errors
    /// If BigQuery can't be reached, or our account may not do this.
    pub async fn make(&self, diff: SchemaDiff<'_>) -> Result<(), Error> {
        if diff.empty
            && let Err(error) = self.create_dataset().await
        {
            // An empty dataset may be there, made by somebody who may make datasets; if it is not, the
            // next statement says so.
            tracing::debug!("the dataset was not made: {error}");
        }
        if diff.cursors {
            self.create(self.described(CURSORS, cursor::COLUMNS.iter())).await?;
        }
        if diff.leases {
            self.create(self.described(LEASES, lease::COLUMNS.iter())).await?;
        }
        for table in diff.tables {
            self.create(self.raw(table)).await?;
        }
        for (table, column) in diff.columns {
            tracing::info!(table = table.name, column = column.name, "adding a column");
            let (name, kind) = (self.name_of(table.name), column.kind.sql());
            self.query(format!(
                "ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {} {kind}",
                column.name
            ))
            .await?;
        }
        Ok(())
    }

    /// A raw table as BigQuery's REST API describes it.
    fn raw(&self, table: &Table) -> RestTable {
        let mut raw = self
            .described(table.name, table.all_columns())
            .set_description(table.description.to_owned());
        if let Some(column) = table.partition_by {
            let months = TimePartitioning::new().set_type("MONTH").set_field(column.to_owned());
            raw = raw.set_time_partitioning(months);
        }
        if !table.cluster_by.is_empty() {
            raw = raw.set_clustering(Clustering::new().set_fields(table.cluster_by.iter().copied()));
        }
        raw
    }

    /// A table of these columns.
    pub(super) fn described<'a>(&self, name: &str, columns: impl Iterator<Item = &'a Column>) -> RestTable {
        let fields = columns.map(|column| {
            let (kind, mode) = column.kind.rest();
            TableFieldSchema::new()
                .set_name(column.name)
                .set_type(kind)
                .set_mode(mode)
                .set_description(column.description.to_owned())
        });
        let reference = TableReference::new()
            .set_project_id(&self.settings.project)
            .set_dataset_id(&self.settings.dataset)
            .set_table_id(name);
        RestTable::new()
            .set_table_reference(reference)
            .set_schema(TableSchema::new().set_fields(fields))
    }

    /// Makes a table, unless it is there already: then an earlier try has made it, whose answer was lost, or another
    /// process.
    ///
    /// # Errors
    /// If BigQuery still refuses after retries.
    pub(super) async fn create(&self, table: RestTable) -> Result<(), Error> {
        const CONFLICT: Option<u16> = Some(409);
        // A dataset that was made a moment ago may be missing for another one.
        persist(
            "making a table",
            |_| true,
            async || match self.insert_table(table.clone()).await {
                Err(error) if error.http_status_code() != CONFLICT => Err(error.into()),
                _ => Ok(()),
            },
        )
        .await
    }

    /// A REST call takes a tenth of the time of a query job with `CREATE TABLE`.
    async fn insert_table(&self, table: RestTable) -> google_cloud_gax::Result<RestTable> {
        self.tables
            .insert_table()
            .set_project_id(&self.settings.project)
            .set_dataset_id(&self.settings.dataset)
            .set_table(table)
            // A repeated request meets its own table, and that is told apart by its 409.
            .with_idempotency(true)
            .send()
            .await
    }

    async fn existing_columns(&self) -> Result<HashSet<(String, String)>, Error> {
        let view = self.name_of("INFORMATION_SCHEMA.COLUMNS");
        // Without credentials Google's client asks for them in vain, again and again.
        let rows = timeout(
            FIRST_ANSWER,
            self.query(format!("SELECT table_name, column_name FROM {view}")),
        );
        let rows = rows.await.map_err(|_| Error::Connect(NO_CREDENTIALS.into()))??;
        rows.into_iter()
            .map(|row| Ok((row.get("table_name")?, row.get("column_name")?)))
            .collect()
    }

    async fn create_dataset(&self) -> Result<(), Error> {
        let settings = self.settings();
        let location = settings
            .location
            .as_ref()
            .map(|location| format!(" OPTIONS(location={})", sql::literal(location)))
            .unwrap_or_default();
        tracing::info!(dataset = settings.dataset, "making the dataset of raw tables");
        self.query(format!(
            "CREATE SCHEMA IF NOT EXISTS `{}.{}`{location}",
            settings.project, settings.dataset
        ))
        .await?;
        Ok(())
    }
}
