//! Where things are.

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}

/// One of the workspace's programs, built into the same folder as this one.
pub fn binary(name: &str) -> PathBuf {
    let me = std::env::current_exe().unwrap_or_default();
    let folder = me.parent().unwrap_or(Path::new("."));
    // Tests run from `deps`, one folder below the programs.
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    folder.join(name)
}

/// The interpreter of the environment `dbt` or `emulator`, made by `scripts/prepare-python`. `DBT_ENVIRONMENT` names another one
/// for dbt, such as `dbt-1.11`.
pub fn venv_python(name: &str) -> PathBuf {
    let other = (name == "dbt").then(|| std::env::var("DBT_ENVIRONMENT").ok()).flatten();
    let name = other.as_deref().unwrap_or(name);
    root().join(".local").join(format!("venv-{name}")).join("bin/python")
}
