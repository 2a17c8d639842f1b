//! Fuzz target: texts of callers and of GitLab in statements.

use fuzz::{Shape, Target};

use super::changes::{Position, statement};
use super::schema::{Column, Kind, Table};
use super::sql::literal;

#[test]
fn shared_literal() {
    let column = |name, kind| Column {
        name,
        kind,
        description: "",
    };
    let table = Table {
        name: "t",
        description: "",
        columns: vec![column("id", Kind::Int64), column("path", Kind::String)],
        primary_key: &["id", "path"],
        version: None,
        partition_by: None,
        cluster_by: &[],
    };
    Target::new("shared_literal", Shape::Bytes)
        .words(&[
            "'''",
            "\\'",
            "\\\\'",
            "') OR TRUE --",
            "/*",
            "*/",
            "--",
            "\\x27",
            "\\u0027",
            "@p",
            "`t`",
        ])
        .reaches(&["plain", "escaped"])
        .run(|bytes| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let written = literal(&text);
            assert_eq!(read(&written), Some((text.clone(), "")), "{written}");
            // In a statement it is one text, and what follows is untouched.
            let from = Position {
                at: 7,
                key: text.clone(),
            };
            let whole = statement("`t`", &table, &from, 9, 100);
            let (_, behind) = whole.split_once(" > '").expect("a comparison");
            let (key, rest) = read(&format!("'{behind}"))
                .map(|(key, rest)| (key, rest.to_owned()))
                .expect("a literal");
            assert_eq!(
                (key, rest.as_str()),
                (text.clone(), ")) ORDER BY _synced_at, _key LIMIT 100")
            );
            if written.len() == text.len() + 2 {
                "plain".into()
            } else {
                "escaped".into()
            }
        });
}

/// Reads a literal in single quotes, as GoogleSQL does, and tells what is behind it:
/// <https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#string_and_bytes_literals>.
fn read(statement: &str) -> Option<(String, &str)> {
    let mut letters = statement.strip_prefix('\'')?.char_indices();
    let mut text = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\'' => return Some((text, &statement[at + 2..])),
            '\n' | '\r' => return None,
            '\\' => text.push(match letters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                other @ ('\\' | '\'') => other,
                _ => return None,
            }),
            other => text.push(other),
        }
    }
    None
}
