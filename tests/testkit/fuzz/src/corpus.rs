//! The committed inputs of a target: samples, and what once failed.

use std::path::{Path, PathBuf};

/// The inputs of `target`, by file name.
///
/// # Panics
/// If there are none: a target without samples reaches nothing.
pub fn of(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|problem| panic!("{} can't be read: {problem}", folder.display()));
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
        .into_iter()
        .map(|path| {
            let content = std::fs::read(&path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
            (path, content)
        })
        .collect()
}
