//! One node of a run: a model, a test, a source.

use serde::Serialize;

use super::results::Entry;

/// The longest message of a node that is passed on, in characters.
const MESSAGE_LIMIT: usize = 2_000;

/// What became of one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// dbt's unique id.
    pub node: String,
    /// The short name that people use.
    pub name: String,
    /// `model`, `test`, `seed`, `snapshot`, `unit_test` …
    #[serde(rename = "type")]
    pub kind: String,
    /// dbt's own word.
    pub status: String,
    pub elapsed_s: f64,
    /// Rows that BigQuery says were written; `None` for tests, which write nothing.
    pub rows: Option<i64>,
    pub message: Option<String>,
    /// Bytes that BigQuery has read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// Rows that a test found wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<i64>,
    /// Of a test: `error`, or `warn` if it may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Of what did not go well: the file with the SQL as BigQuery got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiled_path: Option<String>,
    /// Seconds from the first node's start to this one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_s: Option<f64>,
    /// The nodes of this run that this one had to wait for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

impl Node {
    pub(super) fn from_entry(entry: Entry) -> Self {
        let (kind, name) = kind_and_name(&entry.unique_id);
        let loaded = entry
            .max_loaded_at
            .as_ref()
            .map(|at| format!("the newest row is of {at}"));
        let message = entry.message.or(entry.error).or(loaded);
        let message = message.as_deref().map(str::trim).filter(|message| !message.is_empty());
        let status = match entry.status.as_str() {
            // Of a source that means: too old. As with a failed test, nothing is broken here.
            "error" if entry.max_loaded_at.is_some() => "fail".into(),
            _ => entry.status,
        };
        Self {
            rows: entry.adapter_response["rows_affected"]
                .as_i64()
                .filter(|_| !is_test(&kind)),
            name,
            kind,
            bytes: entry.adapter_response["bytes_processed"].as_i64(),
            failures: entry.failures,
            status,
            elapsed_s: milli(entry.execution_time),
            message: message.map(|message| message.chars().take(MESSAGE_LIMIT).collect()),
            node: entry.unique_id,
            severity: None,
            compiled_path: None,
            started_s: None,
            after: Vec::new(),
        }
    }

    /// Whether there is nothing to say about it.
    pub fn is_well(&self) -> bool {
        matches!(self.status.as_str(), "success" | "no-op" | "pass")
    }

    /// A failed test is no failure of the build. A skipped test went with a node that failed, which
    /// is told by that one.
    pub(super) fn has_failed(&self) -> bool {
        match self.status.as_str() {
            "success" | "no-op" | "pass" | "warn" | "fail" => false,
            "skipped" => !is_test(&self.kind),
            _ => true,
        }
    }

    pub(super) fn log(&self, run_id: &str) {
        let Self {
            node,
            name,
            kind,
            status,
            elapsed_s,
            ..
        } = self;
        let (rows, bytes, failures) = (self.rows, self.bytes, self.failures);
        let message = self.message.as_deref().unwrap_or_default();
        let compiled = self.compiled_path.as_deref();
        // `severity` is the log line's own.
        let test_severity = self.severity.as_deref();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    run_id,
                    node,
                    r#type = kind,
                    status,
                    elapsed_s,
                    rows,
                    bytes,
                    failures,
                    test_severity,
                    compiled,
                    detail = message,
                    "{kind} {name}: {status} in {elapsed_s:.2} s"
                )
            };
        }
        match status.as_str() {
            "success" | "no-op" | "pass" => line!(info),
            "warn" | "fail" | "skipped" => line!(warn),
            _ => line!(error),
        }
    }
}

pub(super) fn milli(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

fn is_test(kind: &str) -> bool {
    matches!(kind, "test" | "unit_test" | "source")
}

/// `model.package.name` → `("model", "name")`. The id of a generic test ends in a hash that means
/// nothing to people.
fn kind_and_name(unique_id: &str) -> (String, String) {
    let mut parts = unique_id.splitn(3, '.');
    let (kind, _package, name) = (parts.next(), parts.next(), parts.next());
    let kind = kind.unwrap_or_default();
    let name = name.unwrap_or(unique_id);
    let name = match name.rsplit_once('.') {
        Some((name, hash)) if kind == "test" && hash.len() == 10 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => name,
        _ => name,
    };
    (kind.into(), name.into())
}
