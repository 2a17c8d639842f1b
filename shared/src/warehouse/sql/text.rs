//! Names and literals of statements.

/// What the compare-and-set of a cursor says when it fails; recognised again in BigQuery's error.
pub(in crate::warehouse) const CURSOR_MOVED: &str = "mergemind: cursor moved";

/// What a commit says whose lease another one has taken.
pub(in crate::warehouse) const LEASE_LOST: &str = "mergemind: lease lost";

/// What a commit says of which a row lies in another partition than the statements look at.
pub(in crate::warehouse) const ROWS_MOVED: &str = "mergemind: rows moved";

/// The table of cursors.
pub(in crate::warehouse) const CURSORS: &str = "_cursors";

/// The table of leases.
pub(in crate::warehouse) const LEASES: &str = "_leases";

/// How queries name a table.
pub(in crate::warehouse) struct TableNames<'a>(pub &'a dyn Fn(&str) -> String);

impl TableNames<'_> {
    pub fn of(&self, table: &str) -> String {
        (self.0)(table)
    }
}

/// A GoogleSQL string literal in single quotes.
pub(in crate::warehouse) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// More numbers than these are one text in a statement: each literal costs the parser its time.
const FEW: usize = 20;

/// A condition that is true if the column holds one of these numbers. The bounds let BigQuery skip blocks
/// of a clustered table.
#[must_use]
pub fn one_of(column: &str, ids: &[i64]) -> String {
    let (Some(least), Some(most)) = (ids.iter().min(), ids.iter().max()) else {
        return "FALSE".to_owned();
    };
    let all: Vec<String> = ids.iter().map(i64::to_string).collect();
    if ids.len() <= FEW {
        return format!("{column} IN ({})", all.join(", "));
    }
    format!(
        "{column} BETWEEN {least} AND {most} AND {column} IN (SELECT CAST(one AS INT64) FROM UNNEST(SPLIT('{}', ',')) AS one)",
        all.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_cannot_be_left() {
        assert_eq!(literal("a'b\\c\nd"), r"'a\'b\\c\nd'");
    }
}
