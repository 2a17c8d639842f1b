//! The documentation of the raw tables, made from the streams themselves.

use mergemind_shared::streams::RECOMMENDED_STREAMS;
use std::fmt::Write as _;

use mergemind_shared::warehouse::Table;

use super::{Of, Part, Read, Stream, Streams};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/raw-tables.md");

/// `UPDATE_DOCS=1 cargo test -p gitlab-connector raw_tables` writes it anew.
#[test]
fn the_documentation_of_raw_tables_is_up_to_date() {
    let expected = markdown(&Streams::new());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(FILE, &expected).expect("docs/ can be written");
    }
    let found = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        found == expected,
        "run UPDATE_DOCS=1 cargo test -p gitlab-connector raw_tables"
    );
}

fn markdown(streams: &Streams) -> String {
    let mut text = String::from(
        "# Raw tables\n\n\
         Made from the connector's streams by a test of theirs; do not edit.\n\n\
         Every table has three more columns: `_synced_at` (when this version of the row was written), `_deleted` (TRUE \
         when GitLab no longer shows the row to the token) and `_row_hash` (an unchanged row is not written again). A \
         merge never lets an older version replace a newer one. Times are UTC; GraphQL gives whole seconds.\n\n\
         Beside them: `_rejected` (rows that could not be mapped, whole, and single values that could not be stored, with the \
         reason), `_cursors` (what is synced up to when), `_leases` (who may sync now), `_meta` (whose GitLab it is), and \
         `_ledger` with `_ledger_gaps`, which [completeness.md](completeness.md) describes.\n\n| table | columns | key | synced | from |\n| --- | --- | --- | --- | --- |\n",
    );
    for stream in streams.all() {
        let table = &stream.table;
        let synced = match (stream.usual, RECOMMENDED_STREAMS.contains(&stream.name())) {
            (true, _) => "always",
            (false, true) => "by `STREAMS`, recommended",
            (false, false) => "by `STREAMS`",
        };
        let key = table.primary_key.join(", ");
        let columns = table.columns.len();
        let name = table.name;
        let _ = writeln!(
            text,
            "| [{name}](#{name}) | {columns} | {key} | {synced} | {} |",
            source(stream)
        );
    }
    for stream in streams.all() {
        describe(&mut text, &stream.table);
    }
    text
}

fn source(stream: &Stream) -> String {
    match stream.read {
        Read::Changes(_) | Read::Snapshot | Read::Owned(_) | Read::Notes { .. } | Read::Referenced => "GraphQL".into(),
        Read::Within { of, .. } => format!("GraphQL, with {of}"),
        Read::Rest(rest) => {
            let when = match (rest.of, rest.part) {
                (Of::Row(table), _) => format!("of each row of {table} that was written"),
                (Of::Group, _) => "now and then, whole".into(),
                (Of::Project, None) => "of projects with activity, whole".into(),
                (Of::Project, Some(Part::Since(_, days) | Part::DownTo(_, days))) => {
                    format!("of projects with activity, {days} days back")
                }
            };
            format!("REST `{}`, {when}", rest.path)
        }
    }
}

fn describe(text: &mut String, table: &Table) {
    let _ = write!(text, "\n## {}\n\n{}", table.name, table.description);
    if let Some(column) = table.partition_by {
        let _ = write!(text, " Partitioned by the month of `{column}`.");
    }
    let _ = write!(text, "\n\n| column | type | meaning |\n| --- | --- | --- |\n");
    for column in &table.columns {
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            column.name,
            column.kind.sql(),
            column.description
        );
    }
}
