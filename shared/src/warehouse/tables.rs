//! Making the dataset and its tables, and adding columns that a new release brings.

use std::collections::HashSet;

use super::schema::Table;
use super::sql::{self, CURSORS};
use super::{Error, Warehouse};

impl Warehouse {
    /// Makes what is missing: the dataset, tables, columns. Nothing is ever dropped or changed.
    ///
    /// # Errors
    /// If BigQuery can't be reached, or our account may not do this.
    pub async fn ensure(&self, tables: &[&Table]) -> Result<(), Error> {
        let existing = match self.existing_columns().await {
            Err(error) if error.is_not_found() => HashSet::new(),
            other => other?,
        };
        if existing.is_empty()
            && let Err(error) = self.create_dataset().await
        {
            // An empty dataset may be there, made by somebody who may make datasets; if it is not, the
            // next statement says so.
            tracing::debug!("the dataset was not made: {error}");
        }
        let exists = |table: &str| existing.iter().any(|(name, _)| name == table);
        if !exists(CURSORS) {
            self.query(sql::create_cursors(&self.name_of(CURSORS))).await?;
        }
        for table in tables {
            let name = self.name_of(table.name);
            if !exists(table.name) {
                self.query(sql::create(&name, table)).await?;
                continue;
            }
            for column in table.all_columns() {
                if existing.contains(&(table.name.to_owned(), column.name.to_owned())) {
                    continue;
                }
                tracing::info!(table = table.name, column = column.name, "adding a column");
                let kind = column.kind.sql();
                self.query(format!(
                    "ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {} {kind}",
                    column.name
                ))
                .await?;
            }
        }
        Ok(())
    }

    async fn existing_columns(&self) -> Result<HashSet<(String, String)>, Error> {
        let view = self.name_of("INFORMATION_SCHEMA.COLUMNS");
        let rows = self
            .query(format!("SELECT table_name, column_name FROM {view}"))
            .await?;
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
