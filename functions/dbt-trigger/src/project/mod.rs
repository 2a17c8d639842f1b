//! Where the dbt project comes from: this machine, a Git repository, or an archive in Cloud Storage.
//!
//! A fetched project is kept by its version, and looked for again every minute. A new version is checked
//! (packages, then a whole parse) beside the one in use, and takes its place only when it is good.

mod archive;
mod confinement;
mod error;
mod fingerprint;
mod git;
mod packages;
mod version;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::bucket::{Bucket, BucketError};
use crate::config::{DbtConfig, ProjectConfig};
use crate::dbt::{Exit, Invocation, RunLimits, Runner, project_args};
use crate::work_dirs::WorkDirs;

use confinement::Confinement;
use error::ProjectError;
pub use fingerprint::fingerprint;
pub use git::Repository;
use packages::Packages;
use version::CheckedVersion;

/// A project that is ready to be run.
#[derive(Debug)]
pub struct Project {
    pub config: DbtConfig,
    pub dirs: WorkDirs,
    pub runner: Runner,
    pub packages: Packages,
    /// Its commit or generation; `None` if it is a directory of this machine.
    pub version: Option<String>,
}

/// Where versions come from.
#[derive(Debug)]
pub enum Source {
    Git(Repository),
    Archive { bucket: Bucket, object: String },
}

/// Looks for new versions, checks them, and hands them over.
pub struct Watcher {
    source: Source,
    /// Below the fetched folder.
    subfolder: PathBuf,
    every: Duration,
    config: DbtConfig,
    dirs: WorkDirs,
    stop: CancellationToken,
    ready: mpsc::Sender<Project>,
    problem: watch::Sender<Option<String>>,
}

/// What the watcher tells.
pub struct Watched {
    /// New versions that are good.
    pub ready: mpsc::Receiver<Project>,
    /// Why the last try gave none.
    pub problem: watch::Receiver<Option<String>>,
}

impl Project {
    /// The project of `config`, not looked at yet.
    pub fn new(config: DbtConfig, dirs: WorkDirs, version: Option<String>) -> Self {
        Self {
            runner: Runner::new(&config, &dirs),
            packages: Packages::new(&config.project_dir),
            config,
            dirs,
            version,
        }
    }

    /// Gets it ready, and finds out whether dbt can work with it.
    ///
    /// # Errors
    /// If dbt can't.
    async fn check(&mut self, stop: &CancellationToken) -> Result<(), ProjectError> {
        self.is_confined()?;
        self.runner.warm(stop).await;
        let limits = RunLimits {
            deadline: Instant::now() + self.config.timeout,
            stop: stop.clone(),
            cancel: CancellationToken::new(),
            lost: CancellationToken::new(),
        };
        let mut commands = vec![("parse", true)];
        if self.config.deps && self.packages.need_deps() {
            commands.insert(0, ("deps", false));
        }
        for (command, reuse_manifest) in commands {
            let mut args = vec![command.to_owned()];
            args.extend(project_args(&self.config, None));
            if reuse_manifest {
                args.extend(["--target-path".into(), self.dirs.target().display().to_string()]);
            }
            let invocation = Invocation {
                id: format!("check-{command}"),
                args,
                narrowed: None,
                reuse_manifest,
            };
            let ended = self.runner.run(&invocation, &limits).await;
            match ended.exit {
                Exit::Exited(0) => {}
                exit => {
                    let said = ended.log.complaint().unwrap_or_default();
                    return Err(ProjectError::Dbt { command, exit, said });
                }
            }
            if !reuse_manifest {
                self.packages.are_installed();
                self.is_confined()?;
            }
        }
        Ok(())
    }

    /// Whether a fetched project, with its packages, keeps to what was fetched.
    fn is_confined(&self) -> Result<(), ProjectError> {
        let Some(fetched) = &self.config.fetched else {
            return Ok(());
        };
        let dbt_is_confined = self.config.executable.is_none();
        let confinement = Confinement::new(
            fetched,
            &self.config.project_dir,
            &self.config.profiles_dir,
            dbt_is_confined,
        )
        .map_err(ProjectError::file(fetched))?;
        Ok(confinement.check()?)
    }
}

impl Source {
    /// As configured; `None` if the project is a directory of this machine.
    ///
    /// # Errors
    /// If Cloud Storage can't be used.
    pub fn new(config: &ProjectConfig) -> Result<Option<Self>, BucketError> {
        if let Some(git) = &config.git {
            return Ok(Some(Self::Git(Repository::new(git))));
        }
        let Some(place) = &config.archive else { return Ok(None) };
        let whole = crate::config::GcsUri {
            path: String::new(),
            ..place.clone()
        };
        Ok(Some(Self::Archive {
            bucket: Bucket::new(&whole, config.storage_emulator.as_ref())?,
            object: place.path.clone(),
        }))
    }

    /// Fetches the newest version into `cache`, unless it is there; its name and folder.
    async fn fetch(&self, cache: &Path) -> Result<(String, PathBuf), ProjectError> {
        match self {
            Self::Git(repository) => repository.fetch(cache).await,
            Self::Archive { bucket, object } => archive::fetch(bucket, object, cache).await,
        }
    }
}

impl Watcher {
    /// Starts looking in the background.
    pub fn start(
        source: Source,
        from: &ProjectConfig,
        config: &DbtConfig,
        dirs: &WorkDirs,
        stop: &CancellationToken,
    ) -> Watched {
        let (ready, receiver) = mpsc::channel(1);
        let (problem, told) = watch::channel(None);
        let watcher = Self {
            source,
            subfolder: from.subfolder.clone(),
            every: from.refresh,
            config: config.clone(),
            dirs: dirs.clone(),
            stop: stop.clone(),
            ready,
            problem,
        };
        tokio::spawn(watcher.watch());
        Watched {
            ready: receiver,
            problem: told,
        }
    }

    async fn watch(self) {
        let mut checked = CheckedVersion::none(self.every);
        loop {
            let looked = tokio::select! {
                () = self.stop.cancelled() => return,
                looked = self.look(&mut checked) => looked,
            };
            match looked {
                Ok(None) => {}
                Ok(Some(project)) => {
                    self.problem.send_replace(None);
                    if self.ready.send(project).await.is_err() {
                        return;
                    }
                }
                Err(problem) => {
                    tracing::error!("there is no new version of the project: {problem}");
                    self.problem.send_replace(Some(problem.to_string()));
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }

    async fn look(&self, checked: &mut CheckedVersion) -> Result<Option<Project>, ProjectError> {
        let cache = self.dirs.projects();
        std::fs::create_dir_all(&cache).map_err(ProjectError::file(&cache))?;
        let (version, folder) = self.source.fetch(&cache).await?;
        if !checked.is_due(&version) {
            return Ok(None);
        }
        match self.checked(&version, &folder).await {
            Ok(project) => {
                checked.is_good(&version);
                tracing::info!(version, "a new version of the project is ready");
                Ok(Some(project))
            }
            Err(problem) => {
                remove_version(&self.dirs, &version);
                let pause = checked.is_broken(&version);
                Err(ProjectError::Broken {
                    version,
                    problem: Box::new(problem),
                    pause,
                })
            }
        }
    }

    /// The project of a version that was fetched into `folder`, if it is good.
    async fn checked(&self, version: &str, folder: &Path) -> Result<Project, ProjectError> {
        let directory = project_folder(folder.join(&self.subfolder))
            .ok_or_else(|| ProjectError::NoProject(self.subfolder.clone()))?;
        let mut config = self.config.clone();
        if config.profiles_dir == config.project_dir {
            config.profiles_dir.clone_from(&directory);
        }
        config.project_dir = directory;
        config.fetched = Some(folder.to_owned());
        let dirs = self.dirs.for_version(version).map_err(ProjectError::file(folder))?;
        let mut project = Project::new(config, dirs, Some(version.to_owned()));
        match project.check(&self.stop).await {
            Ok(()) => Ok(project),
            Err(problem) => {
                project.runner.close().await;
                Err(problem)
            }
        }
    }
}

/// The folder itself, or the only one in it: archives often hold one folder with everything.
fn project_folder(folder: PathBuf) -> Option<PathBuf> {
    let is_one = |folder: &PathBuf| folder.join("dbt_project.yml").is_file();
    if is_one(&folder) {
        return Some(folder);
    }
    let entries = std::fs::read_dir(&folder).ok()?;
    let mut inner = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_one);
    inner.next().filter(|_| inner.next().is_none())
}

/// Removes what is left of a version that is no longer used.
pub fn forget(project: &Project) {
    if let Some(version) = &project.version {
        let _ = std::fs::remove_dir_all(project.dirs.target());
        let _ = std::fs::remove_dir_all(project.dirs.projects().join(version));
    }
}

/// The same of a version that is not used at all: on Cloud Run files are memory.
fn remove_version(dirs: &WorkDirs, version: &str) {
    if let Ok(of_version) = dirs.for_version(version) {
        let _ = std::fs::remove_dir_all(of_version.target());
    }
    let _ = std::fs::remove_dir_all(dirs.projects().join(version));
}
