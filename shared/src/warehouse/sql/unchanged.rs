//! The question which batches a table holds already.

use super::merge::Merge;
use super::text::one_of;
use crate::warehouse::value::{Row, Value, row_hash};

/// A question whose one row tells whether the table of the n-th merge holds all of its rows, unchanged, and no others of the parents whose
/// rows these all are (`u0` …).
pub(in crate::warehouse) fn unchanged_question(merges: &[Merge]) -> String {
    let parts = merges.iter().enumerate().map(|(index, merge)| {
        let hashes: Vec<i64> = merge.rows.iter().map(row_hash).collect();
        let mut conditions = vec![format!(
            "(SELECT COUNT(*) FROM {} WHERE NOT _deleted AND {}{}{}) = {}",
            merge.raw,
            one_of("_row_hash", &hashes),
            of_their_times(merge),
            merge.months(""),
            hashes.len()
        )];
        if let Some(set) = merge.complete_set.filter(|set| !set.parents.is_empty()) {
            let place = merge.table.position(set.column);
            let is_of_them = |row: &&Row| match place.map(|place| &row[place]) {
                Some(Value::Int(parent)) => set.parents.contains(parent),
                _ => false,
            };
            conditions.push(format!(
                "(SELECT COUNT(*) FROM {} WHERE NOT _deleted AND {}) = {}",
                merge.raw,
                one_of(set.column, &set.parents),
                merge.rows.iter().filter(is_of_them).count()
            ));
        }
        format!("{} AS u{index}", conditions.join(" AND "))
    });
    format!("SELECT {}", parts.collect::<Vec<_>>().join(", "))
}

/// Whoever changes a row by hand leaves its hash.
fn of_their_times(merge: &Merge) -> String {
    let Some(column) = merge.table.time_of_update() else {
        return String::new();
    };
    let place = merge.table.position(column);
    let time = |row: &Row| match place.map(|place| &row[place]) {
        Some(Value::Time(at)) => *at,
        _ => 0,
    };
    let times: Vec<i64> = merge.rows.iter().map(time).collect();
    let known = format!("COALESCE(UNIX_MICROS({column}), 0)");
    format!(" AND {}", one_of(&known, &times))
}

/// How many statements that change data a commit of these would be.
pub(in crate::warehouse) fn statements(merges: &[Merge]) -> usize {
    let of = |merge: &Merge| {
        usize::from(!merge.rows.is_empty()) + usize::from(merge.complete_set.is_some_and(|set| !set.parents.is_empty()))
    };
    merges.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::super::CompleteSet;
    use super::*;
    use crate::warehouse::schema::{Column, Kind, Table};

    #[test]
    fn rows_and_the_rest_of_their_parents_are_counted() {
        let table = Table {
            name: "t",
            description: "",
            columns: vec![
                Column::new("id", Kind::Int64, ""),
                Column::new("parent", Kind::Int64, ""),
            ],
            primary_key: &["id"],
            version: None,
            partition_by: None,
            cluster_by: &[],
        };
        let rows: Vec<Row> = [(1, 7), (2, 7), (3, 8)]
            .map(|(id, parent)| vec![Value::Int(id), Value::Int(parent)])
            .into();
        let set = CompleteSet {
            column: "parent",
            parents: vec![7, 9],
        };
        let merge = |rows, complete_set| Merge {
            table: &table,
            raw: "`t`".into(),
            stage: None,
            rows,
            complete_set,
            is_pruned: true,
        };
        let merges = [
            merge(&rows, Some(&set)),
            merge(&[], Some(&set)),
            merge(&rows[..1], None),
        ];
        let hash = |place: usize| row_hash(&rows[place]);
        assert_eq!(
            unchanged_question(&merges),
            format!(
                "SELECT (SELECT COUNT(*) FROM `t` WHERE NOT _deleted AND _row_hash IN ({}, {}, {})) = 3 \
                 AND (SELECT COUNT(*) FROM `t` WHERE NOT _deleted AND parent IN (7, 9)) = 2 AS u0, \
                 (SELECT COUNT(*) FROM `t` WHERE NOT _deleted AND FALSE) = 0 \
                 AND (SELECT COUNT(*) FROM `t` WHERE NOT _deleted AND parent IN (7, 9)) = 0 AS u1, \
                 (SELECT COUNT(*) FROM `t` WHERE NOT _deleted AND _row_hash IN ({})) = 1 AS u2",
                hash(0),
                hash(1),
                hash(2),
                hash(0)
            )
        );
        assert_eq!(statements(&merges), 4);
    }
}
