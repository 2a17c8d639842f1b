//! The statements that bring staged rows into a raw table.

use super::text::one_of;
use crate::warehouse::schema::Table;
use crate::warehouse::value::{Row, Value};

/// Parents whose rows are all in a batch: what the table has of them beside is marked as deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteSet {
    /// The column that refers to the parent.
    pub column: &'static str,
    /// The parents' ids.
    pub parents: Vec<i64>,
}

/// Rows for one raw table, and the stage table that holds them.
pub(in crate::warehouse) struct Merge<'a> {
    pub table: &'a Table,
    pub raw: String,
    /// `None` if there are no rows.
    pub stage: Option<String>,
    /// The rows that are in the stage; they tell which partitions to look at.
    pub rows: &'a [Row],
    pub complete_set: Option<&'a CompleteSet>,
}

impl CompleteSet {
    /// Where a batch's parents lie.
    pub(super) fn bounds(&self) -> String {
        match (self.parents.iter().min(), self.parents.iter().max()) {
            (Some(least), Some(most)) => format!(" AND {} BETWEEN {least} AND {most}", self.column),
            _ => String::new(),
        }
    }
}

impl Merge<'_> {
    /// Merges its stage.
    pub fn statement(&self, stage: &str) -> String {
        let table = self.table;
        let keys: Vec<String> = table
            .primary_key
            .iter()
            .map(|key| format!("T.{key} = S.{key}"))
            .collect();
        let names: Vec<&str> = table.all_columns().map(|column| column.name).collect();
        let not_older = table
            .version
            .map(|version| format!(" AND COALESCE(S.{version} >= T.{version}, TRUE)"))
            .unwrap_or_default();
        let updates: Vec<String> = names
            .iter()
            .filter(|name| !table.primary_key.contains(*name))
            .map(|name| format!("{name} = S.{name}"))
            .collect();
        let values: Vec<String> = names.iter().map(|name| format!("S.{name}")).collect();
        format!(
            "MERGE {} T USING {stage} S\nON {}{}\n\
             WHEN MATCHED AND (T._row_hash != S._row_hash OR T._deleted){not_older} THEN UPDATE SET {}\n\
             WHEN NOT MATCHED THEN INSERT ({}) VALUES ({});\n",
            self.raw,
            keys.join(" AND "),
            self.months("T."),
            updates.join(", "),
            names.join(", "),
            values.join(", ")
        )
    }

    /// Rows of the parents that are not in the stage are gone in GitLab.
    pub fn mark_the_rest(&self, complete_set: &CompleteSet, synced_at: i64) -> String {
        let not_staged = match &self.stage {
            None => String::new(),
            Some(stage) => {
                let keys: Vec<String> = self
                    .table
                    .primary_key
                    .iter()
                    .map(|key| format!("S.{key} = T.{key}"))
                    .collect();
                format!(" AND NOT EXISTS (SELECT 1 FROM {stage} S WHERE {})", keys.join(" AND "))
            }
        };
        format!(
            "UPDATE {} T SET _deleted = TRUE, _synced_at = TIMESTAMP_MICROS({synced_at}) WHERE NOT T._deleted AND {}{not_staged};\n",
            self.raw,
            one_of(&format!("T.{}", complete_set.column), &complete_set.parents)
        )
    }

    /// A condition on the partitioning column that lets BigQuery skip months without any of these rows.
    /// Empty when a row has no value there: it could be anywhere.
    pub fn months(&self, prefix: &str) -> String {
        let Some(column) = self.table.partition_by else {
            return String::new();
        };
        let Some(position) = self.table.position(column) else {
            return String::new();
        };
        let times: Option<Vec<i64>> = self
            .rows
            .iter()
            .map(|row| match row[position] {
                Value::Time(at) => Some(at),
                _ => None,
            })
            .collect();
        let bounds = times.and_then(|times| Some((*times.iter().min()?, *times.iter().max()?)));
        bounds.map_or_else(String::new, |(low, high)| {
            format!(" AND {prefix}{column} BETWEEN TIMESTAMP_MICROS({low}) AND TIMESTAMP_MICROS({high})")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CommitGuards, TableNames, commit};
    use super::*;
    use crate::warehouse::schema::{Column, Kind};

    fn table() -> Table {
        Table {
            name: "t",
            description: "",
            columns: vec![
                Column::new("id", Kind::Int64, ""),
                Column::new("updated_at", Kind::Timestamp, ""),
                Column::new("created_at", Kind::Timestamp, ""),
            ],
            primary_key: &["id"],
            version: Some("updated_at"),
            partition_by: Some("created_at"),
            cluster_by: &["id"],
        }
    }

    fn merge(table: &Table, rows: &[Row]) -> String {
        let merge = Merge {
            table,
            raw: "`r`".into(),
            stage: Some("`s`".into()),
            rows,
            complete_set: None,
        };
        merge.statement("`s`")
    }

    #[test]
    fn an_older_version_never_wins_and_only_the_rows_months_are_read() {
        let row = |at| vec![Value::Int(1), Value::Time(5), Value::Time(at)];
        let sql = merge(&table(), &[row(10), row(30)]);
        assert!(sql.contains("COALESCE(S.updated_at >= T.updated_at, TRUE)"), "{sql}");
        assert!(
            sql.contains("AND T.created_at BETWEEN TIMESTAMP_MICROS(10) AND TIMESTAMP_MICROS(30)"),
            "{sql}"
        );
    }

    #[test]
    fn a_row_without_a_partition_is_looked_for_everywhere() {
        let row = vec![Value::Int(1), Value::Time(5), Value::Null];
        assert!(!merge(&table(), &[row]).contains("BETWEEN"));
    }

    #[test]
    fn what_a_parent_no_longer_has_is_marked() {
        let table = table();
        let complete_set = CompleteSet {
            column: "parent_id",
            parents: vec![7, 8],
        };
        let row = vec![Value::Int(1), Value::Time(5), Value::Time(5)];
        let rows = [row];
        let mut merge = Merge {
            table: &table,
            raw: "`r`".into(),
            stage: Some("`s`".into()),
            rows: &rows,
            complete_set: Some(&complete_set),
        };
        let names = TableNames(&|name| format!("`{name}`"));
        let script = |merge: &Merge| commit(std::slice::from_ref(merge), &[], &CommitGuards::default(), 9, &names);
        let sql = script(&merge);
        assert!(
            sql.contains("T.parent_id IN (7, 8) AND NOT EXISTS (SELECT 1 FROM `s` S WHERE S.id = T.id)"),
            "{sql}"
        );
        (merge.stage, merge.rows) = (None, &[]);
        let sql = script(&merge);
        assert!(
            sql.contains("T.parent_id IN (7, 8);") && !sql.contains("MERGE"),
            "{sql}"
        );
    }
}
