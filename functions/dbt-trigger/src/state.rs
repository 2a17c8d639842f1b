//! Where dbt writes: never into the project, which may be part of a read-only image.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Error, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::config::DbtConfig;

/// The directories of this process; a temporary one is removed when this is dropped.
#[derive(Debug)]
pub struct State {
    target: PathBuf,
    logs: PathBuf,
    temporary: Option<PathBuf>,
    /// Held for the life of the process, so that two of them never mix their results.
    _lock: Option<File>,
}

impl State {
    /// Makes the directories.
    ///
    /// # Errors
    /// If they can't be made, or another process uses this state directory.
    pub fn open(config: &DbtConfig) -> Result<Self> {
        let (base, temporary, lock) = match &config.state_dir {
            Some(directory) => {
                make(directory, "DBT_STATE_DIR")?;
                (directory.clone(), None, Some(lock(directory)?))
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
                (directory.clone(), Some(directory), None)
            }
        };
        let target = config.target_path.clone().unwrap_or_else(|| base.join("target"));
        let logs = config.log_path.clone().unwrap_or_else(|| base.join("logs"));
        make(&target, "DBT_TARGET_PATH")?;
        make(&logs, "DBT_LOG_PATH")?;
        Ok(Self {
            target,
            logs,
            temporary,
            _lock: lock,
        })
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
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(directory) = &self.temporary {
            let _ = std::fs::remove_dir_all(directory);
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
