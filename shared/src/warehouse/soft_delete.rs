//! Which rows a commit would mark as deleted.

use super::connection::Warehouse;
use super::error::Error;
use super::sql::{Names, Sweep};

impl Warehouse {
    /// The ids that `sweep` would mark as deleted.
    ///
    /// # Errors
    /// If BigQuery can't be asked.
    pub async fn swept(&self, sweep: &Sweep<'_>) -> Result<Vec<i64>, Error> {
        let names = |table: &str| self.name_of(table);
        let condition = sweep.condition(&Names(&names));
        let sql = format!("SELECT id FROM {} WHERE {condition}", self.name_of(sweep.table.name));
        let rows = self.query(sql).await?;
        rows.into_iter().map(|row| Ok(row.get("id")?)).collect()
    }
}
