//! One node of a run: a model, a test, a source.

use serde::{Deserialize, Serialize};

/// What became of one node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Bytes that BigQuery bills, 10 MB for each table at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_billed: Option<i64>,
    /// Time that BigQuery's slots worked, together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_ms: Option<i64>,
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

/// How many nodes came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub total: usize,
    /// Models, seeds and snapshots that were built.
    pub success: usize,
    /// Tests that passed.
    pub pass: usize,
    pub warn: usize,
    /// Tests that failed.
    pub fail: usize,
    /// Nodes that dbt or BigQuery refused.
    pub error: usize,
    pub skipped: usize,
}

impl Node {
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
                    event = "node_ended",
                    run_id,
                    node,
                    r#type = kind,
                    status,
                    elapsed_ms = (elapsed_s * 1_000.0) as u64,
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

impl Counts {
    /// Counts `nodes` by their status.
    pub fn of(nodes: &[Node]) -> Self {
        let mut counts = Self {
            total: nodes.len(),
            ..Self::default()
        };
        for node in nodes {
            let count = match node.status.as_str() {
                // `no-op` is dbt's word for nodes that need no work.
                "success" | "no-op" => &mut counts.success,
                "pass" => &mut counts.pass,
                "warn" => &mut counts.warn,
                "fail" => &mut counts.fail,
                "skipped" => &mut counts.skipped,
                _ => &mut counts.error,
            };
            *count += 1;
        }
        counts
    }
}

pub(super) fn is_test(kind: &str) -> bool {
    matches!(kind, "test" | "unit_test" | "source")
}
