//! Why there is no new version of a project.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::confinement::Refused;
use crate::bucket::BucketError;
use crate::dbt::Exit;

/// Why there is no new version of a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A file of this machine.
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    /// Git is not there.
    #[error("git is not installed here; install it, or use DBT_PROJECT_ARCHIVE")]
    NoGit,
    /// Git can't be run.
    #[error("can't start git: {0}")]
    StartGit(std::io::Error),
    /// Git hangs.
    #[error("git {command} took longer than {} s", limit.as_secs())]
    SlowGit { command: String, limit: Duration },
    /// Git fails; in its own words, without passwords.
    #[error("git says: {0}")]
    Git(String),
    /// Cloud Storage.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The archive is not there.
    #[error("there is no object {0} in the bucket")]
    NoArchive(String),
    /// The archive went away after it was found.
    #[error("the object is gone again")]
    Gone,
    /// The archive is broken, or too large.
    #[error("{object} is no .tar.gz that can be unpacked: {error}")]
    Unpack { object: String, error: std::io::Error },
    /// What was fetched is no project.
    #[error("it has no dbt_project.yml in '{}'", .0.display())]
    NoProject(PathBuf),
    /// It names what is not its own.
    #[error("a fetched project must keep to its folder: {0}")]
    NotConfined(#[from] Refused),
    /// dbt can't work with it.
    #[error("dbt {command} fails ({exit:?}) {said}")]
    Dbt {
        command: &'static str,
        exit: Exit,
        said: String,
    },
    /// One of these, of a version that was fetched.
    #[error(
        "version {version} is broken, so the one before stays in use ({problem}); trying it again in {pause:?}, or another one as \
         soon as there is one"
    )]
    Broken {
        version: String,
        problem: Box<ProjectError>,
        pause: Duration,
    },
}

impl ProjectError {
    /// Of the file or folder `path`.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::File {
            path: path.to_owned(),
            error,
        }
    }
}
