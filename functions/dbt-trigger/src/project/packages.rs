//! Whether the project's packages need `dbt deps`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where packages are declared and locked.
const DECLARED: [&str; 3] = ["packages.yml", "dependencies.yml", "package-lock.yml"];
/// Where dbt installs them, unless the project says otherwise.
const INSTALLED: &str = "dbt_packages";

/// Remembers what was installed.
#[derive(Debug)]
pub struct Packages {
    project_dir: PathBuf,
    /// The files as they were after the last `dbt deps` of this process.
    installed: Option<PackageFiles>,
}

type PackageFiles = Vec<(&'static str, u64, Option<SystemTime>)>;

impl Packages {
    pub fn new(project_dir: &Path) -> Self {
        Self {
            project_dir: project_dir.into(),
            installed: None,
        }
    }

    /// Whether packages are declared that are not installed as declared.
    ///
    /// What another process installed, such as an image's build, is told by time: dbt writes the
    /// lock before it installs, so an installation is younger than the files it was made from.
    pub fn need_deps(&self) -> bool {
        let now = self.fingerprint();
        if !now.iter().any(|(name, ..)| *name != "package-lock.yml") {
            return false;
        }
        match &self.installed {
            Some(installed) => *installed != now,
            None => {
                let directory = self.project_dir.join(INSTALLED);
                let installed = std::fs::metadata(directory)
                    .and_then(|directory| directory.modified())
                    .ok();
                let youngest = now.iter().filter_map(|(_, _, modified)| *modified).max();
                installed.is_none() || installed < youngest
            }
        }
    }

    /// To be called after a successful `dbt deps`.
    pub fn are_installed(&mut self) {
        self.installed = Some(self.fingerprint());
    }

    fn fingerprint(&self) -> PackageFiles {
        let look = |name| {
            let file = std::fs::metadata(self.project_dir.join(name)).ok()?;
            Some((name, file.len(), file.modified().ok()))
        };
        DECLARED.into_iter().filter_map(look).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_changes_need_deps() {
        let project = crate::testing::empty_project();
        let path = |name| project.path().join(name);
        let mut packages = Packages::new(project.path());
        assert!(!packages.need_deps(), "none are declared");
        fs::write(path("packages.yml"), "packages: []").expect("written");
        assert!(packages.need_deps(), "never installed");
        packages.are_installed();
        assert!(!packages.need_deps());
        fs::write(path("package-lock.yml"), "packages: [1]").expect("written");
        assert!(packages.need_deps(), "the lock changed");
    }

    #[test]
    fn an_older_installation_is_used_until_it_is_outdated() {
        let project = crate::testing::empty_project();
        let declared = project.path().join("packages.yml");
        fs::write(&declared, "packages: []").expect("written");
        fs::create_dir(project.path().join(INSTALLED)).expect("made");
        let packages = Packages::new(project.path());
        assert!(!packages.need_deps());
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        let file = fs::File::options().write(true).open(&declared).expect("there");
        file.set_modified(later).expect("set");
        assert!(packages.need_deps());
    }
}
