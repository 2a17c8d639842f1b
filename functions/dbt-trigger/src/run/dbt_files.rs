//! dbt's `run_results.json` and `sources.json`:
//! <https://docs.getdbt.com/reference/artifacts/run-results-json>,
//! <https://docs.getdbt.com/reference/artifacts/sources-json>.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::manifest::Manifest;
use super::node::{Counts, Node, is_test};
use crate::request::Action;

/// The longest message of a node that is passed on, in characters.
const MESSAGE_LIMIT: usize = 2_000;

/// Why dbt's results can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    #[error("can't read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{} lacks what is read of it: {error}; docs/dbt.md names it", path.display())]
    Form { path: PathBuf, error: serde_json::Error },
}

/// The nodes of a run.
#[derive(Debug, Clone, Default)]
pub struct Results {
    pub dbt_version: Option<String>,
    pub counts: Counts,
    pub nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct ResultsFile {
    metadata: Metadata,
    results: Vec<NodeResult>,
}

#[derive(Deserialize)]
struct Metadata {
    dbt_version: Option<String>,
}

/// What dbt tells of a node.
#[derive(Deserialize)]
struct NodeResult {
    unique_id: String,
    status: String,
    #[serde(default)]
    execution_time: f64,
    message: Option<String>,
    #[serde(default)]
    adapter_response: Value,
    failures: Option<i64>,
    #[serde(default)]
    timing: Vec<Timing>,
    /// Of a source that could not be asked.
    error: Option<String>,
    /// Of a source: when its newest row was loaded.
    max_loaded_at: Option<String>,
}

#[derive(Deserialize)]
struct Timing {
    name: String,
    started_at: Option<String>,
}

impl Results {
    /// Reads what dbt left in `target` after `action`; `None` if it left nothing.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn read(target: &Path, action: Action) -> Result<Option<Self>, ResultsError> {
        let path = target.join(action.results_file());
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ResultsError::Unreadable { path, error }),
        };
        match serde_json::from_slice(&text) {
            Ok(file) => {
                let mut results = Self::from_file(file);
                match Manifest::read(&target.join("manifest.json")) {
                    Ok(manifest) => manifest.explain(&mut results.nodes),
                    Err(problem) => {
                        tracing::warn!("nodes are shown without their parents, severity and compiled SQL: {problem}");
                    }
                }
                Ok(Some(results))
            }
            Err(error) => Err(ResultsError::Form { path, error }),
        }
    }

    fn from_file(file: ResultsFile) -> Self {
        let starts: Vec<_> = file.results.iter().map(NodeResult::started_at).collect();
        let first = starts.iter().flatten().min().copied();
        let nodes: Vec<_> = file
            .results
            .into_iter()
            .zip(starts)
            .map(|(result, start)| {
                let started_s = start.zip(first).map(|(start, first)| (start - first).as_seconds_f64());
                Node {
                    started_s: started_s.map(milli),
                    ..result.into_node()
                }
            })
            .collect();
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

impl NodeResult {
    fn into_node(self) -> Node {
        let (kind, name) = kind_and_name(&self.unique_id);
        let loaded = self
            .max_loaded_at
            .as_ref()
            .map(|at| format!("the newest row is of {at}"));
        let message = self.message.or(self.error).or(loaded);
        let message = message.as_deref().map(str::trim).filter(|message| !message.is_empty());
        let status = match self.status.as_str() {
            // Of a source that means: too old. As with a failed test, nothing is broken here.
            "error" if self.max_loaded_at.is_some() => "fail".into(),
            _ => self.status,
        };
        Node {
            rows: self.adapter_response["rows_affected"]
                .as_i64()
                .filter(|_| !is_test(&kind)),
            name,
            kind,
            bytes: self.adapter_response["bytes_processed"].as_i64(),
            bytes_billed: self.adapter_response["bytes_billed"].as_i64(),
            slot_ms: self.adapter_response["slot_ms"].as_i64(),
            failures: self.failures,
            status,
            elapsed_s: milli(self.execution_time),
            message: message.map(|message| message.chars().take(MESSAGE_LIMIT).collect()),
            node: self.unique_id,
            severity: None,
            compiled_path: None,
            started_s: None,
            after: Vec::new(),
        }
    }

    /// When the database began to work for it, else when dbt did.
    fn started_at(&self) -> Option<OffsetDateTime> {
        let of = |name: &str| {
            let timing = self.timing.iter().find(|timing| timing.name == name)?;
            OffsetDateTime::parse(timing.started_at.as_deref()?, &Rfc3339).ok()
        };
        of("compile").or_else(|| of("execute"))
    }
}

fn milli(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
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
pub mod tests {
    use serde_json::json;

    use super::*;

    pub fn results(statuses: &[(&str, &str)]) -> Results {
        let results: Vec<_> = statuses
            .iter()
            .map(|(id, status)| json!({"unique_id": id, "status": status, "execution_time": 0.25, "message": format!(" {status} it is\n"),
                "adapter_response": {"rows_affected": 7}, "failures": null, "timing": []}))
            .collect();
        let file = json!({"metadata": {"dbt_version": "1.12.6", "invocation_id": "x"}, "results": results, "elapsed_time": 1.0, "args": {}});
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
        assert_eq!(results.dbt_version.as_deref(), Some("1.12.6"));
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
        let path = directory.path();
        let read = || Results::read(path, Action::Build);
        assert!(read().expect("no file is no problem").is_none());
        std::fs::write(path.join("run_results.json"), "{\"metadata\": {}").expect("written");
        assert!(read().expect_err("broken").to_string().contains("run_results.json"));
    }

    #[test]
    fn an_old_source_is_a_warning_and_a_broken_one_an_error() {
        let file = json!({"metadata": {"dbt_version": "1.12.6"}, "elapsed_time": 1.0, "results": [
            {"unique_id": "source.p.raw.a", "status": "pass", "max_loaded_at": "2026-01-01T00:00:00Z", "execution_time": 0.1, "timing": []},
            {"unique_id": "source.p.raw.b", "status": "error", "max_loaded_at": "2020-01-01T00:00:00Z", "execution_time": 0.1, "timing": []},
            {"unique_id": "source.p.raw.c", "status": "runtime error", "error": "no such table"},
        ]});
        let results = Results::from_file(serde_json::from_value(file).expect("valid"));
        let statuses: Vec<_> = results.nodes.iter().map(|node| node.status.as_str()).collect();
        assert_eq!(statuses, ["pass", "fail", "runtime error"]);
        assert_eq!(
            (results.nodes[0].kind.as_str(), results.nodes[0].name.as_str()),
            ("source", "raw.a")
        );
        assert_eq!(results.nodes[2].message.as_deref(), Some("no such table"));
        assert!(results.has_failed());
    }

    #[test]
    fn a_node_tells_when_it_began_and_what_it_read() {
        let at = |second: u32| format!("2026-01-01T00:00:{second:02}.500000Z");
        let entry = |id: &str, second| {
            json!({"unique_id": id, "status": "success", "execution_time": 1.0, "adapter_response": {"bytes_processed": 9, "bytes_billed": 10, "slot_ms": 11, "rows_affected": 2},
                "timing": [{"name": "compile", "started_at": at(second), "completed_at": at(second)}, {"name": "execute", "started_at": at(second + 1)}]})
        };
        let file = json!({"metadata": {}, "results": [entry("model.p.b", 4), entry("model.p.a", 2)]});
        let results = Results::from_file(serde_json::from_value(file).expect("valid"));
        let starts: Vec<_> = results.nodes.iter().map(|node| node.started_s).collect();
        assert_eq!(starts, [Some(2.0), Some(0.0)]);
        let node = &results.nodes[0];
        assert_eq!(
            (node.bytes, node.bytes_billed, node.slot_ms),
            (Some(9), Some(10), Some(11))
        );
    }
}
