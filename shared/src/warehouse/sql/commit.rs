//! The script of a commit.

use super::lease::{Lease, expect_lease};
use super::merge::Merge;
use super::soft_delete::SoftDelete;
use super::text::{CURSOR_MOVED, CURSORS, LEASES, ROWS_MOVED, TableNames, literal};

/// A cursor's step, which is only taken if it still is where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorMove {
    /// The stream.
    pub stream: String,
    /// The group or project.
    pub scope: String,
    /// The position before; `None` if there is none yet.
    pub from: Option<String>,
    /// The position after.
    pub to: String,
    /// What is complete up to this instant (microseconds since 1970); for people who read the table.
    pub at: Option<i64>,
}

/// A cursor that is set, whatever it was before, if the commit wrote any row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Takes the place of a stream.
    pub stream: String,
    /// The text.
    pub cursor: String,
}

/// What a transaction holds beside rows.
#[derive(Default)]
pub(in crate::warehouse) struct CommitGuards<'a> {
    pub cursor: Option<&'a CursorMove>,
    pub mark: Option<&'a Mark>,
    pub lease: Option<&'a Lease>,
}

/// The script that merges stages, marks what is gone, advances the cursor, drops the stages, and counts
/// what was written.
///
/// `synced_at` (microseconds) marks the rows of exactly this commit.
pub(in crate::warehouse) fn commit(
    merges: &[Merge],
    soft_deletes: &[SoftDelete],
    guards: &CommitGuards,
    synced_at: i64,
    names: &TableNames,
) -> String {
    let cursors = names.of(CURSORS);
    let mut script = String::from("BEGIN TRANSACTION;\n");
    if let Some(lease) = guards.lease {
        script.push_str(&expect_lease(&names.of(LEASES), lease));
    }
    if let Some(cursor) = guards.cursor {
        script.push_str(&expect_cursor(&cursors, cursor));
    }
    let moved: Vec<String> = merges.iter().filter_map(Merge::moved).collect();
    if !moved.is_empty() {
        script.push_str(&format!(
            "SELECT IF(SUM(n) = 0, 1, ERROR('{ROWS_MOVED}')) FROM ({});\n",
            moved.join(" UNION ALL ")
        ));
    }
    for merge in merges {
        if let Some(stage) = &merge.stage {
            script.push_str(&merge.statement(stage));
        }
        if let Some(set) = merge.complete_set.filter(|set| !set.parents.is_empty()) {
            script.push_str(&merge.mark_the_rest(set, synced_at));
        }
    }
    for soft_delete in soft_deletes {
        script.push_str(&format!(
            "UPDATE {} SET _deleted = TRUE, _synced_at = TIMESTAMP_MICROS({synced_at}) WHERE {};\n",
            names.of(soft_delete.table.name),
            soft_delete.condition(names)
        ));
    }
    let counts = counts(merges, soft_deletes, synced_at, names);
    if let Some(mark) = guards.mark.filter(|_| !counts.is_empty()) {
        script.push_str(&set_mark(&cursors, mark, &counts, synced_at));
    }
    if let Some(cursor) = guards.cursor {
        script.push_str(&set_cursor(&cursors, cursor, synced_at));
    }
    script.push_str("COMMIT TRANSACTION;\n");
    for stage in merges.iter().filter_map(|merge| merge.stage.as_ref()) {
        script.push_str(&format!("DROP TABLE {stage};\n"));
    }
    if counts.is_empty() {
        script.push_str("SELECT 0 AS nothing");
    } else {
        let named: Vec<String> = counts.iter().map(|(name, sql)| format!("{sql} AS {name}")).collect();
        script.push_str(&format!("SELECT {}", named.join(", ")));
    }
    script
}

/// For each batch `n0` …, for each soft delete `s0` …: a query for the number of rows that this commit wrote.
fn counts(merges: &[Merge], soft_deletes: &[SoftDelete], synced_at: i64, names: &TableNames) -> Vec<(String, String)> {
    let of_merges = merges.iter().enumerate().map(|(index, merge)| {
        let parents = merge.complete_set.filter(|set| !set.parents.is_empty());
        let narrow = match parents {
            Some(set) => set.bounds(),
            None => merge.months(""),
        };
        let sql = format!(
            "(SELECT COUNT(*) FROM {} WHERE _synced_at = TIMESTAMP_MICROS({synced_at}){narrow})",
            merge.raw
        );
        (format!("n{index}"), sql)
    });
    let of_soft_deletes = soft_deletes.iter().enumerate().map(|(index, soft_delete)| {
        let sql = format!(
            "(SELECT COUNT(*) FROM {} WHERE _deleted AND _synced_at = TIMESTAMP_MICROS({synced_at}))",
            names.of(soft_delete.table.name)
        );
        (format!("s{index}"), sql)
    });
    of_merges.chain(of_soft_deletes).collect()
}

/// Remembers something if any of the counts is above zero.
fn set_mark(cursors: &str, mark: &Mark, counts: &[(String, String)], synced_at: i64) -> String {
    let sum = counts
        .iter()
        .map(|(_, sql)| sql.as_str())
        .collect::<Vec<_>>()
        .join(" + ");
    let cursor = literal(&mark.cursor);
    format!(
        "MERGE {cursors} T USING (SELECT {} AS stream, '' AS scope FROM (SELECT {sum} AS n) WHERE n > 0) S\n\
         ON T.stream = S.stream AND T.scope = S.scope\n\
         WHEN MATCHED THEN UPDATE SET cursor = {cursor}, committed_at = TIMESTAMP_MICROS({synced_at})\n\
         WHEN NOT MATCHED THEN INSERT (stream, scope, cursor, cursor_at, committed_at) VALUES (S.stream, S.scope, {cursor}, NULL, TIMESTAMP_MICROS({synced_at}));\n",
        literal(&mark.stream)
    )
}

/// Fails the transaction unless the cursor is where this sync left it.
fn expect_cursor(cursors: &str, cursor: &CursorMove) -> String {
    let (count, also) = match &cursor.from {
        Some(from) => (1, format!(" AND cursor = {}", literal(from))),
        None => (0, String::new()),
    };
    format!(
        "SELECT IF(COUNT(*) = {count}, 1, ERROR('{CURSOR_MOVED}')) FROM {cursors} WHERE stream = {} AND scope = {}{also};\n",
        literal(&cursor.stream),
        literal(&cursor.scope)
    )
}

fn set_cursor(cursors: &str, cursor: &CursorMove, synced_at: i64) -> String {
    let at = cursor.at.map_or("CAST(NULL AS TIMESTAMP)".to_owned(), |at| {
        format!("TIMESTAMP_MICROS({at})")
    });
    format!(
        "MERGE {cursors} T USING (SELECT {} AS stream, {} AS scope, {} AS cursor, {at} AS cursor_at, TIMESTAMP_MICROS({synced_at}) AS committed_at) S\n\
         ON T.stream = S.stream AND T.scope = S.scope\n\
         WHEN MATCHED THEN UPDATE SET cursor = S.cursor, cursor_at = S.cursor_at, committed_at = S.committed_at\n\
         WHEN NOT MATCHED THEN INSERT (stream, scope, cursor, cursor_at, committed_at) VALUES (S.stream, S.scope, S.cursor, S.cursor_at, S.committed_at);\n",
        literal(&cursor.stream),
        literal(&cursor.scope),
        literal(&cursor.to)
    )
}
