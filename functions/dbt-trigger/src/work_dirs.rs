//! Where dbt writes: never into the project, which may be part of a read-only image.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Error, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::DbtConfig;

/// The directories of this process; a temporary one is removed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct WorkDirs {
    target: PathBuf,
    logs: PathBuf,
    base: Arc<Base>,
}

#[derive(Debug)]
struct Base {
    directory: PathBuf,
    is_temporary: bool,
    /// Held for the life of the process, so that two of them never mix their results.
    _lock: Option<File>,
}

impl WorkDirs {
    /// Makes the directories.
    ///
    /// # Errors
    /// If they can't be made, or another process uses this state directory.
    pub fn open(config: &DbtConfig) -> Result<Self> {
        let base = match &config.state_dir {
            Some(directory) => {
                make(directory, "DBT_STATE_DIR")?;
                Base {
                    directory: directory.clone(),
                    is_temporary: false,
                    _lock: Some(lock(directory)?),
                }
            }
            None => {
                let name = format!("dbt-trigger-{}", uuid::Uuid::now_v7().simple());
                let directory = std::env::temp_dir().join(name);
                // Private and new: what dbt reads back from here decides what it runs.
                DirBuilder::new().mode(0o700).create(&directory).map_err(|e| {
                    named(
                        &e,
                        &directory,
                        "set DBT_STATE_DIR to a directory that this function may write",
                    )
                })?;
                Base {
                    directory,
                    is_temporary: true,
                    _lock: None,
                }
            }
        };
        let or_below = |path: &Option<PathBuf>, name| path.clone().unwrap_or_else(|| base.directory.join(name));
        let target = or_below(&config.target_path, "target");
        let logs = or_below(&config.log_path, "logs");
        make(&target, "DBT_TARGET_PATH")?;
        make(&logs, "DBT_LOG_PATH")?;
        Ok(Self {
            target,
            logs,
            base: Arc::new(base),
        })
    }

    /// The same with a target directory for one version of the project, so that two don't mix.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn for_version(&self, version: &str) -> Result<Self> {
        let target = self.target.join("versions").join(version);
        make(&target, "DBT_TARGET_PATH")?;
        Ok(Self { target, ..self.clone() })
    }

    /// For dbt's `--target-path`.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// For dbt's `--log-path`.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// For runs with another target or other variables than the parsed project's.
    pub fn other_target(&self) -> PathBuf {
        self.target.join("other")
    }

    /// Where the results of the last run of models are kept, which dbt overwrites.
    pub fn last_results(&self) -> PathBuf {
        self.target.join("last").join("run_results.json")
    }

    /// For dbt's `--state` when it retries.
    pub fn retry(&self) -> PathBuf {
        self.target.join("retry")
    }

    /// Where projects are kept that were fetched.
    pub fn projects(&self) -> PathBuf {
        self.base.directory.join("projects")
    }

    /// Where each run's artifacts are kept, unless another place is set.
    pub fn runs(&self) -> PathBuf {
        self.base.directory.join("runs")
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if self.is_temporary {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

fn make(directory: &Path, variable: &str) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|e| {
        named(
            &e,
            directory,
            &format!("set {variable} to a directory that this function may write"),
        )
    })
}

fn lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| {
        named(
            &e,
            &path,
            "set DBT_STATE_DIR to a directory that this function may write",
        )
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::other(format!(
            "another dbt-trigger uses {}; give each its own DBT_STATE_DIR",
            directory.display()
        ))),
        Err(TryLockError::Error(e)) => Err(named(&e, &path, "choose another DBT_STATE_DIR")),
    }
}

fn named(error: &Error, path: &Path, hint: &str) -> Error {
    Error::new(error.kind(), format!("{}: {error}; {hint}", path.display()))
}
