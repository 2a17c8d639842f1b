//! Which rows a commit would mark as deleted.

use super::connection::Warehouse;
use super::error::Error;
use super::sql::{SoftDelete, TableNames};

impl Warehouse {
    /// The ids that `soft_delete` would mark as deleted.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn would_delete(&self, soft_delete: &SoftDelete<'_>) -> Result<Vec<i64>, Error> {
        let names = |table: &str| self.name_of(table);
        let condition = soft_delete.condition(&TableNames(&names));
        let sql = format!(
            "SELECT id FROM {} WHERE {condition}",
            self.name_of(soft_delete.table.name)
        );
        let rows = self.query(sql).await?;
        rows.into_iter().map(|row| Ok(row.get("id")?)).collect()
    }
}
