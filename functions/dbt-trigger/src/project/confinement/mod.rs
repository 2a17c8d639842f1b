//! Keeps a fetched project to its own folder: what its authors write is not trusted with this machine's files, programs and
//! credentials.
//!
//! Before dbt is run, and again when packages have been installed, the settings that name files, programs and addresses are
//! read, and links are looked at. What is refused is told with its file and setting. Python's dbt is kept to the folder while it
//! runs, too (`python/confinement.py`), so what only it can make of a setting (Jinja) need not be judged here.

mod files;
mod profile;
mod settings;

use std::path::{Path, PathBuf};

use serde_norway::Value;

pub use files::Refused;

/// What of a fetched project may be where.
#[derive(Debug)]
pub struct Confinement {
    /// What was fetched, in which all must be; without links in it.
    root: PathBuf,
    /// The folder of `dbt_project.yml`.
    project: PathBuf,
    /// The folder of `profiles.yml`, if the project brings it along.
    own_profile: Option<PathBuf>,
    /// Whether dbt itself is kept to the folder, too.
    dbt_is_confined: bool,
}

impl Confinement {
    /// Of the project in `project`, which is in what was fetched into `root`.
    ///
    /// # Errors
    /// If one of them can't be read.
    pub fn new(root: &Path, project: &Path, profiles: &Path, dbt_is_confined: bool) -> std::io::Result<Self> {
        let root = root.canonicalize()?;
        Ok(Self {
            own_profile: profiles.canonicalize().ok().filter(|folder| folder.starts_with(&root)),
            project: project.canonicalize()?,
            root,
            dbt_is_confined,
        })
    }

    /// Looks at what stands in the project and its packages now.
    ///
    /// # Errors
    /// What is refused, or can't be read.
    pub fn check(&self) -> Result<(), Refused> {
        files::check_links(&self.root, &self.root)?;
        let installed = self.check_project(&self.project)?;
        for package in files::folders_in(&installed) {
            self.check_project(&package)?;
        }
        if let Some(folder) = &self.own_profile {
            self.read(folder, "profiles.yml", |_, profile| profile::check(profile))?;
        }
        Ok(())
    }

    /// Checks the settings in `folder`; where its packages are installed.
    fn check_project(&self, folder: &Path) -> Result<PathBuf, Refused> {
        let mut installed = folder.join("dbt_packages");
        self.read(folder, "dbt_project.yml", |inside, project| {
            if let Some(path) = settings::packages_install_path(project) {
                installed = folder.join(path);
            }
            settings::check_project(inside, project)
        })?;
        for name in ["packages.yml", "dependencies.yml", "package-lock.yml"] {
            self.read(folder, name, settings::check_packages)?;
        }
        Ok(installed)
    }

    /// Has `check` look at a file, if it is there.
    fn read(
        &self,
        folder: &Path,
        name: &'static str,
        check: impl FnOnce(settings::Inside, &Value) -> Result<(), settings::SettingProblem>,
    ) -> Result<(), Refused> {
        let file = folder.join(name);
        let shown = file.strip_prefix(&self.root).unwrap_or(&file).to_owned();
        let Some(content) = files::read_yaml(&file, &shown)? else {
            return Ok(());
        };
        let inside = settings::Inside {
            root: &self.root,
            folder,
            jinja_is_judged_later: self.dbt_is_confined,
        };
        check(inside, &content).map_err(|problem| Refused::Setting { file: shown, problem })
    }
}

#[cfg(test)]
mod tests;
