//! Helpers of the unit tests.

use std::path::Path;

use mergemind_shared::config::Env;
use tempfile::TempDir;

use crate::config::{Config, DbtConfig};
use crate::work_dirs::WorkDirs;

/// A directory that passes for a dbt project.
pub fn empty_project() -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("dbt_project.yml"), "name: empty\n").expect("written");
    directory
}

/// The configuration and state of a project at `directory`, all else by default.
pub fn dbt_config(directory: &Path) -> (DbtConfig, WorkDirs) {
    let directory = directory.to_str().expect("unicode");
    let mut env = Env::from_map([("AUTH_TOKEN", "a-real-one-0f5c2d"), ("DBT_PROJECT_DIR", directory)]);
    let config = Config::read(&mut env).dbt;
    let dirs = WorkDirs::open(&config).expect("a state directory");
    (config, dirs)
}
