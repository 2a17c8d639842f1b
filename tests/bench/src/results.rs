//! The file of results: for each measurement its figures, when and where it was taken.

use std::path::{Path, PathBuf};

use local_stack::{Failed, root};
use serde_json::{Map, Value};

/// Results by the name of their measurement.
pub type Results = Map<String, Value>;

/// The results that the documents show.
pub fn published() -> PathBuf {
    root().join("docs/bench/results.json")
}

/// Reads results; none if there is no file yet.
///
/// # Errors
/// If the file is not JSON.
pub fn read(path: &Path) -> Result<Results, Failed> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display())),
        Err(_) => Ok(Results::new()),
    }
}

/// Writes results.
///
/// # Errors
/// If that fails.
pub fn write(path: &Path, results: &Results) -> Result<(), Failed> {
    let told = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(told)?;
    }
    let text = serde_json::to_string_pretty(results).map_err(|e| e.to_string())?;
    std::fs::write(path, text + "\n").map_err(told)
}
