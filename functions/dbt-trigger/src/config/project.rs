//! Where the dbt project comes from, if not from this machine.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use mergemind_shared::Secret;
use mergemind_shared::config::Env;
use url::Url;

use super::places::{GcsUri, storage_emulator};

/// Where to fetch the project from; all empty, it is `DBT_PROJECT_DIR`.
#[derive(Debug, Clone, Default)]
pub struct ProjectConfig {
    pub git: Option<GitConfig>,
    /// A `.tar.gz` in Cloud Storage.
    pub archive: Option<GcsUri>,
    /// The project's folder within what is fetched.
    pub subfolder: PathBuf,
    /// How often a new version is looked for.
    pub refresh: Duration,
    /// An address that stands for Cloud Storage.
    pub storage_emulator: Option<Url>,
}

/// A Git repository.
#[derive(Debug, Clone)]
pub struct GitConfig {
    pub url: String,
    /// A branch, a tag, or a commit's id.
    pub reference: String,
    pub token: Option<Secret>,
}

impl ProjectConfig {
    /// Whether the project is fetched.
    pub fn is_fetched(&self) -> bool {
        self.git.is_some() || self.archive.is_some()
    }

    pub(super) fn read(env: &mut Env) -> Self {
        let no_option = |text: &String| match text.starts_with('-') {
            true => Err("must not begin with '-'".to_owned()),
            false => Ok(()),
        };
        let url = env
            .string(
                "DBT_PROJECT_GIT_URL",
                "Git repository to fetch the project from, instead of DBT_PROJECT_DIR",
            )
            .check(no_option)
            .check(|url| match Url::parse(url).is_ok_and(|url| holds_secret(&url)) {
                true => Err("holds a password; put it into DBT_PROJECT_GIT_TOKEN".into()),
                false => Ok(()),
            })
            .optional();
        let reference = env
            .string("DBT_PROJECT_GIT_REF", "branch, tag or commit of that repository")
            .check(no_option)
            .default("HEAD".into());
        let token = env
            .secret("DBT_PROJECT_GIT_TOKEN", "token that may read that repository, by https")
            .optional();
        let archive = env
            .string(
                "DBT_PROJECT_ARCHIVE",
                "archive in Cloud Storage to fetch the project from, such as gs://bucket/project.tar.gz",
            )
            .check(|text| match GcsUri::parse(text) {
                Some(place) if !place.path.is_empty() => Ok(()),
                _ => Err("must have the form gs://bucket/path/project.tar.gz".into()),
            })
            .optional();
        let subfolder = env
            .string("DBT_PROJECT_SUBFOLDER", "folder of dbt_project.yml in what is fetched")
            .check(|text| {
                match Path::new(text)
                    .components()
                    .all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
                {
                    true => Ok(()),
                    false => Err("must be a path below the repository, such as models".into()),
                }
            })
            .optional();
        let refresh = env
            .duration(
                "DBT_PROJECT_REFRESH_SECONDS",
                "how often a new version of it is looked for",
            )
            .check(|every| match every.is_zero() {
                true => Err("is 0; it must be longer than that".into()),
                false => Ok(()),
            })
            .default(Duration::from_secs(60));
        if url.is_some() && archive.is_some() {
            env.problem(
                "DBT_PROJECT_ARCHIVE",
                "is set, and so is DBT_PROJECT_GIT_URL; set one of them",
            );
        }
        Self {
            git: url.map(|url| GitConfig { url, reference, token }),
            archive: archive.as_deref().and_then(GcsUri::parse),
            subfolder: subfolder.map(PathBuf::from).unwrap_or_default(),
            refresh,
            storage_emulator: storage_emulator(env),
        }
    }
}

/// Whether an address holds a password, or a token in the place of a name; `ssh://git@…` holds none.
fn holds_secret(url: &Url) -> bool {
    let is_web = matches!(url.scheme(), "http" | "https");
    url.password().is_some() || is_web && !url.username().is_empty()
}
