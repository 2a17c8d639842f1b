//! Which rows a commit would mark as deleted.

use super::connection::{ResultRow, Warehouse};
use super::error::Error;
use super::sql::{SoftDelete, TableNames};

impl Warehouse {
    /// The ids that `soft_delete` would mark as deleted.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn would_delete(&self, soft_delete: &SoftDelete<'_>) -> Result<Vec<i64>, Error> {
        let rows = self.rows_within("id", soft_delete).await?;
        rows.into_iter().map(|row| Ok(row.get("id")?)).collect()
    }

    /// These columns of the rows that `soft_delete` would mark as deleted.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn rows_within(&self, columns: &str, soft_delete: &SoftDelete<'_>) -> Result<Vec<ResultRow>, Error> {
        let names = |table: &str| self.name_of(table);
        let condition = soft_delete.condition(&TableNames(&names));
        let table = self.name_of(soft_delete.table.name);
        self.query(format!("SELECT {columns} FROM {table} WHERE {condition}"))
            .await
    }
}
