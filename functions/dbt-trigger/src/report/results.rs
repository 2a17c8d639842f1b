//! dbt's `run_results.json`: <https://docs.getdbt.com/reference/artifacts/run-results-json>.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest message of a node that is passed on, in characters.
const MESSAGE_LIMIT: usize = 2_000;

/// The nodes of a run.
#[derive(Debug, Clone, Default)]
pub struct Results {
    pub dbt_version: Option<String>,
    pub counts: Counts,
    pub nodes: Vec<Node>,
}

/// How many nodes came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
}

#[derive(Deserialize)]
struct File {
    metadata: Metadata,
    results: Vec<Entry>,
}

#[derive(Deserialize)]
struct Metadata {
    dbt_version: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    unique_id: String,
    status: String,
    #[serde(default)]
    execution_time: f64,
    message: Option<String>,
    #[serde(default)]
    adapter_response: Value,
}

impl Results {
    /// Reads what dbt left at `path`; `None` if it left nothing.
    ///
    /// # Errors
    /// Why it can't be read, for people.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(format!("can't read {}: {e}", path.display())),
        };
        match serde_json::from_slice(&text) {
            Ok(file) => Ok(Some(Self::from_file(file))),
            Err(e) => Err(format!("{} is not what dbt 1.11 writes: {e}", path.display())),
        }
    }

    fn from_file(file: File) -> Self {
        let nodes: Vec<_> = file.results.into_iter().map(Node::from_entry).collect();
        Self {
            dbt_version: file.metadata.dbt_version,
            counts: Counts::of(&nodes),
            nodes,
        }
    }

    /// Whether something was not built, or could not be tested.
    pub fn has_failed(&self) -> bool {
        self.nodes.iter().any(Node::has_failed)
    }

    /// Whether a test failed.
    pub fn has_failed_tests(&self) -> bool {
        self.counts.fail > 0
    }

    /// Whether a test failed, or anything warned.
    pub fn has_complaints(&self) -> bool {
        self.counts.fail + self.counts.warn > 0
    }

    /// The nodes to name when the run failed: causes, not what was skipped because of them.
    pub fn causes(&self) -> impl Iterator<Item = &Node> {
        self.nodes
            .iter()
            .filter(|node| node.status != "skipped" && (node.has_failed() || node.status == "fail"))
    }
}

impl Counts {
    fn of(nodes: &[Node]) -> Self {
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

impl Node {
    fn from_entry(entry: Entry) -> Self {
        let (kind, name) = kind_and_name(&entry.unique_id);
        let message = entry
            .message
            .as_deref()
            .map(str::trim)
            .filter(|message| !message.is_empty());
        Self {
            rows: entry.adapter_response["rows_affected"]
                .as_i64()
                .filter(|_| !is_test(&kind)),
            name,
            kind,
            status: entry.status,
            elapsed_s: (entry.execution_time * 1_000.0).round() / 1_000.0,
            message: message.map(|message| message.chars().take(MESSAGE_LIMIT).collect()),
            node: entry.unique_id,
        }
    }

    /// A failed test is no failure of the build. A skipped test went with a node that failed, which
    /// is told by that one.
    fn has_failed(&self) -> bool {
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
        let (rows, message) = (self.rows, self.message.as_deref().unwrap_or_default());
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    run_id,
                    node,
                    r#type = kind,
                    status,
                    elapsed_s,
                    rows,
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

fn is_test(kind: &str) -> bool {
    matches!(kind, "test" | "unit_test")
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

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub fn results(statuses: &[(&str, &str)]) -> Results {
        let results: Vec<_> = statuses
            .iter()
            .map(|(id, status)| json!({"unique_id": id, "status": status, "execution_time": 0.25, "message": format!(" {status} it is\n"),
                "adapter_response": {"rows_affected": 7}, "failures": null, "timing": []}))
            .collect();
        let file = json!({"metadata": {"dbt_version": "1.11.16", "invocation_id": "x"}, "results": results, "elapsed_time": 1.0, "args": {}});
        Results::from_file(serde_json::from_value(file).expect("valid"))
    }

    #[test]
    fn nodes_are_read_and_counted() {
        let results = results(&[
            ("model.p.a", "success"),
            ("test.p.unique_a_id.0123456789", "fail"),
            ("model.p.b.v2", "skipped"),
            ("seed.p.s", "error"),
        ]);
        assert_eq!(results.dbt_version.as_deref(), Some("1.11.16"));
        assert_eq!(
            results.counts,
            Counts {
                total: 4,
                success: 1,
                fail: 1,
                skipped: 1,
                error: 1,
                ..Counts::default()
            }
        );
        let names: Vec<_> = results
            .nodes
            .iter()
            .map(|n| (n.kind.as_str(), n.name.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("model", "a"),
                ("test", "unique_a_id"),
                ("model", "b.v2"),
                ("seed", "s")
            ]
        );
        let rows: Vec<_> = results.nodes.iter().map(|n| n.rows).collect();
        assert_eq!(rows, [Some(7), None, Some(7), Some(7)]);
        let causes: Vec<_> = results.causes().map(|n| n.name.as_str()).collect();
        assert_eq!(causes, ["unique_a_id", "s"]);
        assert_eq!(
            serde_json::to_value(&results.nodes[0]).expect("JSON"),
            json!({"node": "model.p.a", "name": "a", "type": "model", "status": "success", "elapsed_s": 0.25, "rows": 7, "message": "success it is"})
        );
    }

    #[test]
    fn skipped_tests_alone_are_no_failure() {
        assert!(!results(&[("model.p.a", "success"), ("test.p.t", "skipped")]).has_failed());
        assert!(results(&[("model.p.a", "skipped")]).has_failed());
    }

    #[test]
    fn a_broken_file_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("run_results.json");
        assert!(Results::read(&path).expect("no file is no problem").is_none());
        std::fs::write(&path, "{\"metadata\": {}").expect("written");
        assert!(Results::read(&path).expect_err("broken").contains("run_results.json"));
    }
}
