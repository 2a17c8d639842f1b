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
    /// Whether only the partitions of these rows are looked at. A row whose partition is another one in the table would be
    /// there twice then; see [`Merge::moved`].
    pub is_pruned: bool,
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
    /// A query for the number of rows that the table has in partitions at which the merge does not look: an import can
    /// move a time of creation. None where it looks at all. Clustering bounds what of them is read.
    pub fn moved(&self) -> Option<String> {
        let (stage, range) = (self.stage.as_ref()?, self.months_of("T."));
        let (column, range) = (self.table.partition_by?, range?);
        let same: Vec<String> = self
            .table
            .primary_key
            .iter()
            .map(|key| format!("S.{key} = T.{key}"))
            .collect();
        let within: Vec<String> = self
            .table
            .cluster_by
            .iter()
            .filter_map(|name| self.bounds(name))
            .collect();
        Some(format!(
            "SELECT COUNT(*) AS n FROM {} T WHERE (T.{column} IS NULL OR NOT ({range})){} AND EXISTS (SELECT 1 FROM {stage} S WHERE {})",
            self.raw,
            within.concat(),
            same.join(" AND ")
        ))
    }

    /// Between which numbers a column of these rows lies, if all have one.
    fn bounds(&self, column: &str) -> Option<String> {
        let place = self.table.position(column)?;
        let number = |row: &Row| match row[place] {
            Value::Int(number) => Some(number),
            _ => None,
        };
        let numbers: Option<Vec<i64>> = self.rows.iter().map(number).collect();
        let numbers = numbers?;
        let (least, most) = (numbers.iter().min()?, numbers.iter().max()?);
        Some(format!(" AND T.{column} BETWEEN {least} AND {most}"))
    }

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
        // Whoever changes a row by hand leaves its hash.
        let moved = table
            .time_of_update()
            .map(|column| format!(" OR T.{column} IS DISTINCT FROM S.{column}"))
            .unwrap_or_default();
        let updates: Vec<String> = names
            .iter()
            .filter(|name| !table.primary_key.contains(*name))
            .map(|name| format!("{name} = S.{name}"))
            .collect();
        let values: Vec<String> = names.iter().map(|name| format!("S.{name}")).collect();
        format!(
            "MERGE {} T USING {stage} S\nON {}{}\n\
             WHEN MATCHED AND (T._row_hash != S._row_hash OR T._deleted{moved}){not_older} THEN UPDATE SET {}\n\
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
        self.months_of(prefix)
            .map(|range| format!(" AND {range}"))
            .unwrap_or_default()
    }

    fn months_of(&self, prefix: &str) -> Option<String> {
        let column = self.table.partition_by.filter(|_| self.is_pruned)?;
        let position = self.table.position(column)?;
        let times: Option<Vec<i64>> = self
            .rows
            .iter()
            .map(|row| match row[position] {
                Value::Time(at) => Some(at),
                _ => None,
            })
            .collect();
        let times = times?;
        let (low, high) = (times.iter().min()?, times.iter().max()?);
        Some(format!(
            "{prefix}{column} BETWEEN TIMESTAMP_MICROS({low}) AND TIMESTAMP_MICROS({high})"
        ))
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
            is_pruned: true,
        };
        merge.statement("`s`")
    }

    #[test]
    fn rows_in_other_partitions_are_looked_for_among_their_neighbours_alone() {
        let table = table();
        let row = |id, at| vec![Value::Int(id), Value::Time(5), Value::Time(at)];
        let rows = [row(3, 10), row(9, 30)];
        let mut merge = Merge {
            table: &table,
            raw: "`r`".into(),
            stage: Some("`s`".into()),
            rows: &rows,
            complete_set: None,
            is_pruned: true,
        };
        let range = "T.created_at BETWEEN TIMESTAMP_MICROS(10) AND TIMESTAMP_MICROS(30)";
        let expected = format!(
            "SELECT COUNT(*) AS n FROM `r` T WHERE (T.created_at IS NULL OR NOT ({range})) AND T.id BETWEEN 3 AND 9 \
             AND EXISTS (SELECT 1 FROM `s` S WHERE S.id = T.id)"
        );
        assert_eq!(merge.moved(), Some(expected));
        merge.is_pruned = false;
        assert_eq!((merge.moved(), merge.months("")), (None, String::new()));
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
            is_pruned: true,
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
