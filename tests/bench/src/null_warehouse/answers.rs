//! Answers to the connector's statements.

use serde_json::{Value, json};

use super::state::State;

/// The result of a statement in BigQuery's JSON.
pub fn answer(state: &State, sql: &str) -> Value {
    if sql.contains("COMMIT TRANSACTION") && sql.contains(" AS holder") {
        return lease(state, sql);
    }
    if sql.contains("COMMIT TRANSACTION") {
        return commit(state, sql);
    }
    if sql.starts_with("SELECT stream, scope, cursor") {
        let rows: Vec<Vec<String>> = state.cursors().into_iter().map(Vec::from).collect();
        return result(
            &[("stream", "STRING"), ("scope", "STRING"), ("cursor", "STRING")],
            &rows,
        );
    }
    if sql.ends_with(" AS dangles") {
        return result(&[("dangles", "BOOLEAN")], &[vec!["false".to_owned()]]);
    }
    let batches = sql.matches(" AS u").count();
    if batches > 0 && sql.ends_with(&format!(" AS u{}", batches - 1)) {
        // No table holds already what is about to be written.
        let names: Vec<String> = (0..batches).map(|batch| format!("u{batch}")).collect();
        let columns: Vec<_> = names.iter().map(|name| (name.as_str(), "BOOLEAN")).collect();
        return result(&columns, &[vec!["false".to_owned(); batches]]);
    }
    // Of rows there are none.
    result::<String>(&[], &[])
}

/// Gives the lease to whoever asks, with all cursors if they are asked for: a row for each, or one without.
fn lease(state: &State, sql: &str) -> Value {
    let mut columns = vec![("holder", "STRING"), ("age_s", "INTEGER"), ("left_s", "INTEGER")];
    let held = ["0", "120"].map(|seconds| Some(seconds.to_owned()));
    let held = [&[text_before(sql, " AS holder")], &held[..]].concat();
    if !sql.contains("C.cursor") {
        return result(&columns, &[held]);
    }
    columns.extend([("stream", "STRING"), ("scope", "STRING"), ("cursor", "STRING")]);
    let mut cursors: Vec<[Option<String>; 3]> = state.cursors().into_iter().map(|cursor| cursor.map(Some)).collect();
    if cursors.is_empty() {
        cursors.push([None, None, None]);
    }
    let rows: Vec<_> = cursors.iter().map(|cursor| [&held[..], cursor].concat()).collect();
    result(&columns, &rows)
}

/// Takes a commit: sets its cursor, ends its stages, counts their rows.
fn commit(state: &State, sql: &str) -> Value {
    for statement in sql.split(";\n") {
        if let Some(values) = cursor_of(statement) {
            let [stream, scope, cursor] = values;
            state.set_cursor(stream, scope, cursor);
        }
    }
    let staged: Vec<(String, u64)> = sql
        .split("DROP TABLE `")
        .skip(1)
        .filter_map(|rest| rest.split('`').next()?.rsplit('.').next())
        .map(|table| (table.to_owned(), state.take_stage(table)))
        .collect();
    let counts = sql.rsplit(";\n").next().unwrap_or_default();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for part in counts.split("(SELECT COUNT(*) FROM `").skip(1) {
        let table = part
            .split('`')
            .next()
            .and_then(|name| name.rsplit('.').next())
            .unwrap_or_default();
        let name = part
            .rsplit(") AS ")
            .next()
            .unwrap_or_default()
            .trim_end_matches([',', ' ']);
        let stage = format!("_stage_{table}_");
        // A stage's name ends in a number of 32 digits, so that of `mr` is not taken for one of `mr_notes`.
        let fits = |of: &str| of.strip_prefix(&stage).is_some_and(|rest| !rest.contains('_'));
        let rows: u64 = staged
            .iter()
            .filter(|(of, _)| name.starts_with('n') && fits(of))
            .map(|(_, rows)| rows)
            .sum();
        names.push((name, "INTEGER"));
        values.push(rows.to_string());
    }
    if names.is_empty() {
        return result(&[("nothing", "INTEGER")], &[vec!["0".to_owned()]]);
    }
    result(&names, &[values])
}

/// Stream, scope and position of a statement that sets a cursor.
fn cursor_of(statement: &str) -> Option<[String; 3]> {
    if !statement.contains(" AS cursor_at,") {
        return None;
    }
    Some([
        text_before(statement, " AS stream")?,
        text_before(statement, " AS scope")?,
        text_before(statement, " AS cursor,")?,
    ])
}

/// The string literal that ends where `marker` begins.
fn text_before(sql: &str, marker: &str) -> Option<String> {
    let literal = sql[..sql.find(marker)?].strip_suffix('\'')?;
    // Quotes within are escaped, so the last bare one opens.
    let bytes = literal.as_bytes();
    let open = (0..bytes.len())
        .rev()
        .find(|at| bytes[*at] == b'\'' && (*at == 0 || bytes[at - 1] != b'\\'))?;
    let mut text = String::new();
    let mut letters = literal[open + 1..].chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                other => text.push(other),
            },
            letter => text.push(letter),
        }
    }
    Some(text)
}

fn result<Cell: Clone + Into<Value>>(columns: &[(&str, &str)], rows: &[Vec<Cell>]) -> Value {
    let fields: Vec<Value> = columns
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind, "mode": "NULLABLE"}))
        .collect();
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| json!({"f": row.iter().cloned().map(|cell| json!({"v": Into::<Value>::into(cell)})).collect::<Vec<_>>()}))
        .collect();
    json!({
        "kind": "bigquery#queryResponse", "jobComplete": true, "schema": {"fields": fields},
        "totalRows": rows.len().to_string(), "rows": rows, "cacheHit": false, "totalBytesProcessed": "0",
        "jobReference": {"projectId": local_stack::PROJECT, "jobId": "null-warehouse", "location": "US"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_sets_its_cursor_and_counts_its_rows() {
        let state = State::default();
        state.stage("projects/p/datasets/d/tables/_stage_mr_notes_0af/streams/1", 7);
        state.stage("projects/p/datasets/d/tables/_stage_mr_0af/streams/2", 3);
        state.stage("projects/p/datasets/d/tables/_stage__meta_0af/streams/3", 1);
        let sql = "BEGIN TRANSACTION;\nMERGE `p.d._cursors` T USING (SELECT 'mr' AS stream, 'group:it\\'s' AS scope, '{\"a\\\\n\":1}' AS cursor, TIMESTAMP_MICROS(1) AS cursor_at, TIMESTAMP_MICROS(2) AS committed_at) S\nON TRUE;\nCOMMIT TRANSACTION;\nDROP TABLE `p.d._stage_mr_0af`;\nDROP TABLE `p.d._stage_mr_notes_0af`;\nDROP TABLE `p.d._stage__meta_0af`;\nSELECT (SELECT COUNT(*) FROM `p.d.mr` WHERE _synced_at = 1) AS n0, (SELECT COUNT(*) FROM `p.d.mr_notes` WHERE x) AS n1, (SELECT COUNT(*) FROM `p.d.mr` WHERE _deleted) AS s0";
        let answer = answer(&state, sql);
        assert_eq!(answer["schema"]["fields"][1]["name"], "n1");
        let values: Vec<&Value> = answer["rows"][0]["f"]
            .as_array()
            .expect("cells")
            .iter()
            .map(|cell| &cell["v"])
            .collect();
        assert_eq!(values, ["3", "7", "0"]);
        assert_eq!(
            state.cursors(),
            [["mr".to_owned(), "group:it's".to_owned(), "{\"a\\n\":1}".to_owned()]]
        );
        assert_eq!(state.committed(), 10);
    }

    #[test]
    fn no_table_holds_what_is_about_to_be_written() {
        let sql = "SELECT (SELECT COUNT(*) FROM `p.d.mr` WHERE TRUE) = 1 AS u0, (SELECT COUNT(*) FROM `p.d.users` WHERE TRUE) = 2 AS u1";
        let answer = answer(&State::default(), sql);
        assert_eq!(answer["schema"]["fields"][1]["name"], "u1");
        assert_eq!(answer["rows"][0]["f"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn the_lease_is_given_to_whoever_asks() {
        let sql = "BEGIN TRANSACTION;\nMERGE x USING (SELECT 'sync' AS name, 'abc' AS holder, NOW) S;\nCOMMIT TRANSACTION;\nSELECT holder";
        assert_eq!(answer(&State::default(), sql)["rows"][0]["f"][0]["v"], "abc");
        let state = State::default();
        let sql = format!("{sql}, C.stream, C.scope, C.cursor");
        let last = |state: &State| answer(state, &sql)["rows"][0]["f"][5]["v"].clone();
        assert_eq!(last(&state), Value::Null);
        state.set_cursor("mr".into(), "group:it".into(), "7".into());
        assert_eq!(last(&state), "7");
    }
}
