//! The two tables, and a run as their rows.

use mergemind_shared::warehouse::{Column, Kind, Row, Table, Value};
use time::OffsetDateTime;

use crate::run::{BuildSet, Node, Run, RunResult};

/// One row for each run.
pub const RUNS: &str = "_dbt_runs";
/// One row for each node of each run.
pub const NODES: &str = "_dbt_run_nodes";

/// `_dbt_runs`.
pub fn runs() -> Table {
    Table {
        name: RUNS,
        description: "One row for each run of dbt, written when it begins and when it ends.",
        columns: vec![
            Column::new(
                "run_id",
                Kind::String,
                "The run's id, as answers and log lines have it.",
            ),
            Column::new(
                "status",
                Kind::String,
                "running, success, warning, error, cancelled, stopped, or lost if its function was killed.",
            ),
            Column::new("action", Kind::String, "run_dbt, test, docs, freshness or retry."),
            Column::new("source", Kind::String, "Who asked first, in the caller's own words."),
            Column::new(
                "called_by",
                Kind::StringArray,
                "The first callers: as whom each was let in, and its source.",
            ),
            Column::new("callers", Kind::Int64, "How many callers share the run."),
            Column::new("built", Kind::String, "How much of the project."),
            Column::new(
                "changed_tables",
                Kind::StringArray,
                "Only what is downstream of these raw tables, if not empty.",
            ),
            Column::new(
                "selectors",
                Kind::StringArray,
                "What the caller selected, as dbt's arguments.",
            ),
            Column::new("queued_at", Kind::Timestamp, "When the first caller asked."),
            Column::new("started_at", Kind::Timestamp, "When it began."),
            Column::new("ended_at", Kind::Timestamp, "When it ended."),
            Column::new("elapsed_s", Kind::Float64, "How long it took, in seconds."),
            Column::new("nodes", Kind::Int64, "Nodes that dbt came to."),
            Column::new("failed", Kind::Int64, "Nodes that were refused, and tests that failed."),
            Column::new("skipped", Kind::Int64, "Nodes that were skipped because others failed."),
            Column::new("problem", Kind::String, "What went wrong."),
            Column::new("dbt_version", Kind::String, "dbt's version."),
            Column::new(
                "project_version",
                Kind::String,
                "The project's commit or archive, if it was fetched.",
            ),
            Column::new("instance", Kind::String, "The process of dbt-trigger."),
            Column::new("target", Kind::String, "dbt's target, if it is not the profile's own."),
        ],
        primary_key: &["run_id"],
        version: None,
        partition_by: Some("queued_at"),
        cluster_by: &[],
    }
}

/// `_dbt_run_nodes`.
pub fn nodes() -> Table {
    Table {
        name: NODES,
        description: "One row for each node of each run of dbt.",
        columns: vec![
            Column::new("run_id", Kind::String, "The run."),
            Column::new("node", Kind::String, "dbt's unique id."),
            Column::new("name", Kind::String, "Its short name."),
            Column::new("type", Kind::String, "model, test, unit_test, seed, snapshot, source …"),
            Column::new("status", Kind::String, "dbt's own word."),
            Column::new("run_started_at", Kind::Timestamp, "When the run began."),
            Column::new("elapsed_s", Kind::Float64, "How long it took, in seconds."),
            Column::new("rows_affected", Kind::Int64, "Rows that were written."),
            Column::new("bytes", Kind::Int64, "Bytes that BigQuery read."),
            Column::new("bytes_billed", Kind::Int64, "Bytes that BigQuery bills."),
            Column::new(
                "slot_ms",
                Kind::Int64,
                "Milliseconds that BigQuery's slots worked, together.",
            ),
            Column::new("failures", Kind::Int64, "Rows that a test found wrong."),
            Column::new("severity", Kind::String, "Of a test: error or warn."),
            Column::new("message", Kind::String, "dbt's message."),
            Column::new(
                "compiled_path",
                Kind::String,
                "Of what did not go well: the file with its SQL.",
            ),
            Column::new(
                "started_s",
                Kind::Float64,
                "Seconds from the first node's start to this one's.",
            ),
            Column::new(
                "waited_for",
                Kind::StringArray,
                "The nodes of this run that it had to wait for.",
            ),
        ],
        primary_key: &["run_id", "node"],
        version: None,
        partition_by: Some("run_started_at"),
        cluster_by: &[],
    }
}

/// A run as a row of [`runs`]; `target` is dbt's if the run names none.
pub fn run_row(run: &Run, instance: &str, target: Option<&str>) -> Row {
    let result = run.result();
    let result = result.as_deref();
    let (callers, count) = run.callers();
    let counts = result.map(|result| result.results.counts);
    let number = |of: fn(&crate::run::Counts) -> usize| {
        counts
            .as_ref()
            .map_or(Value::Null, |counts| Value::Int(of(counts) as i64))
    };
    let changed = match result.map(|result| &result.built) {
        Some(BuildSet::Changed(tables) | BuildSet::Live { tables, .. }) => tables.iter().cloned().collect(),
        _ => Vec::new(),
    };
    let ended_at = result.map(|result| result.started_at + result.elapsed);
    vec![
        Value::Text(run.run_id.clone()),
        Value::Text(result.map_or("running", RunResult::status).into()),
        Value::Text(run.action.name().into()),
        text(callers.first().map(|asked| asked.source.clone())),
        Value::Texts(
            callers
                .iter()
                .map(|asked| format!("{} {}", asked.caller, asked.source))
                .collect(),
        ),
        Value::Int(count as i64),
        text(result.map(|result| result.built.to_string())),
        Value::Texts(changed),
        Value::Texts(run.selection.args()),
        time(Some(run.queued_at)),
        time(run.started_at()),
        time(ended_at),
        result.map_or(Value::Null, |result| Value::Float(result.elapsed.as_secs_f64())),
        number(|counts| counts.total),
        number(|counts| counts.error + counts.fail),
        number(|counts| counts.skipped),
        text(result.and_then(RunResult::problem)),
        text(result.and_then(|result| result.dbt_version.clone())),
        text(result.and_then(|result| result.project_version.clone())),
        Value::Text(instance.into()),
        text(run.selection.target.clone().or_else(|| target.map(Into::into))),
    ]
}

/// A node as a row of [`nodes`].
pub fn node_row(result: &RunResult, node: &Node) -> Row {
    let int = |number: Option<i64>| number.map_or(Value::Null, Value::Int);
    vec![
        Value::Text(result.run_id.clone()),
        Value::Text(node.node.clone()),
        Value::Text(node.name.clone()),
        Value::Text(node.kind.clone()),
        Value::Text(node.status.clone()),
        time(Some(result.started_at)),
        Value::Float(node.elapsed_s),
        int(node.rows),
        int(node.bytes),
        int(node.bytes_billed),
        int(node.slot_ms),
        int(node.failures),
        text(node.severity.clone()),
        text(node.message.clone()),
        text(node.compiled_path.clone()),
        node.started_s.map_or(Value::Null, Value::Float),
        Value::Texts(node.after.clone()),
    ]
}

/// A condition on runs: they are of dbt's `target`, `None` being the profile's own.
pub fn of_target(target: Option<&str>) -> String {
    let target = target.unwrap_or_default().replace('\\', r"\\").replace('\'', r"\'");
    format!("IFNULL(target, '') = '{target}'")
}

fn text(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Text)
}

fn time(at: Option<OffsetDateTime>) -> Value {
    at.map_or(Value::Null, |at| {
        Value::Time((at.unix_timestamp_nanos() / 1_000) as i64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_their_tables() {
        let request = crate::request::RunRequest::default();
        let asked = crate::run::CalledBy {
            source: "me".into(),
            caller: "token".into(),
        };
        let run = Run::new(&request, asked);
        assert_eq!(run_row(&run, "i", None).len(), runs().columns.len());
        let result = RunResult::never_began(&run, crate::run::Outcome::Stopped);
        let mut results = crate::run::results_of(&[("model.p.a", "success")]);
        let node = results.nodes.remove(0);
        assert_eq!(node_row(&result, &node).len(), nodes().columns.len());
        run.end(std::sync::Arc::new(result));
        assert_eq!(run_row(&run, "i", None)[1], Value::Text("stopped".into()));
    }

    #[test]
    fn a_target_is_a_text_whatever_it_holds() {
        assert_eq!(of_target(None), "IFNULL(target, '') = ''");
        assert_eq!(of_target(Some(r"a'b\c")), r"IFNULL(target, '') = 'a\'b\\c'");
    }
}
