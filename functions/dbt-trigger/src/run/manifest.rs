//! What dbt's `manifest.json` adds to a run's nodes: <https://docs.getdbt.com/reference/artifacts/manifest-json>.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::node::Node;

/// The part of the manifest that is read.
#[derive(Debug, Default, Deserialize)]
pub struct Manifest {
    #[serde(default)]
    nodes: HashMap<String, ManifestNode>,
    #[serde(default)]
    unit_tests: HashMap<String, ManifestNode>,
}

#[derive(Debug, Deserialize)]
struct ManifestNode {
    #[serde(default)]
    depends_on: DependsOn,
    compiled_path: Option<String>,
    #[serde(default)]
    config: NodeConfig,
}

#[derive(Debug, Default, Deserialize)]
struct DependsOn {
    #[serde(default)]
    nodes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct NodeConfig {
    severity: Option<String>,
}

/// Why dbt's manifest can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("can't read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{} lacks what is read of it: {error}", path.display())]
    Form { path: PathBuf, error: serde_json::Error },
}

impl Manifest {
    /// Reads dbt's file. It only adds to what is known, so a run without it is judged all the same.
    ///
    /// # Errors
    /// If it can't be read, or is none.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read(path).map_err(|error| ManifestError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        serde_json::from_slice(&text).map_err(|error| ManifestError::Form {
            path: path.to_owned(),
            error,
        })
    }

    /// Adds what it knows about `nodes`.
    pub fn explain(&self, nodes: &mut [Node]) {
        let known: HashSet<String> = nodes.iter().map(|node| node.node.clone()).collect();
        for node in nodes {
            let Some(manifest) = self.nodes.get(&node.node).or_else(|| self.unit_tests.get(&node.node)) else {
                continue;
            };
            node.severity = manifest
                .config
                .severity
                .as_ref()
                .map(|severity| severity.to_lowercase());
            let parents = manifest.depends_on.nodes.iter();
            node.after = parents.filter(|parent| known.contains(*parent)).cloned().collect();
            if !node.is_well() {
                node.compiled_path.clone_from(&manifest.compiled_path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::dbt_files::tests::results;
    use super::*;

    #[test]
    fn nodes_learn_whom_they_waited_for_and_where_their_sql_is() {
        let manifest: Manifest = serde_json::from_value(json!({"metadata": {}, "macros": {"x": 1}, "nodes": {
            "model.p.a": {"compiled_path": "target/compiled/p/a.sql", "depends_on": {"macros": [], "nodes": ["source.p.r.t"]}, "config": {}},
            "test.p.t": {"compiled_path": "target/compiled/p/t.sql", "depends_on": {"nodes": ["model.p.a", "model.p.z"]}, "config": {"severity": "ERROR"}},
        }}))
        .expect("valid");
        let mut nodes = results(&[("model.p.a", "success"), ("test.p.t", "fail")]).nodes;
        manifest.explain(&mut nodes);
        assert_eq!((nodes[0].after.len(), &nodes[0].compiled_path), (0, &None));
        assert_eq!(nodes[1].after, ["model.p.a"]);
        assert_eq!(nodes[1].compiled_path.as_deref(), Some("target/compiled/p/t.sql"));
        assert_eq!(nodes[1].severity.as_deref(), Some("error"));
    }

    #[test]
    fn a_missing_manifest_is_named() {
        let problem = Manifest::read(Path::new("/nowhere/manifest.json")).expect_err("there is none");
        assert!(problem.to_string().contains("/nowhere/manifest.json"), "{problem}");
    }
}
