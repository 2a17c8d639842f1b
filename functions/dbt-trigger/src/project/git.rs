//! A Git repository, through the `git` program, whose credentials and protocols are the ones people know.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mergemind_shared::Secret;
use tokio::process::Command;
use tokio::time::timeout;

use super::error::ProjectError;
use crate::config::GitConfig;

/// How long one command of Git may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// A file that is written last: without it a folder is the rest of a fetch that broke off.
const COMPLETE: &str = ".fetched";

/// A repository at a ref.
#[derive(Debug)]
pub struct Repository {
    url: String,
    reference: String,
    token: Option<Secret>,
}

impl Repository {
    pub fn new(config: &GitConfig) -> Self {
        Self {
            url: config.url.clone(),
            reference: config.reference.clone(),
            token: config.token.clone(),
        }
    }

    /// Fetches the commit that the ref is at now into a folder of its own; its id and the folder.
    ///
    /// # Errors
    /// If Git is not there or fails.
    pub async fn fetch(&self, cache: &Path) -> Result<(String, PathBuf), ProjectError> {
        let objects = cache.join("objects.git");
        if !objects.join("HEAD").is_file() {
            self.git(cache, &["init", "--quiet", "--bare", "objects.git"]).await?;
        }
        let fetch = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--",
            self.url.as_str(),
            self.reference.as_str(),
        ];
        match self.git(&objects, &fetch).await {
            Ok(_) => {}
            // The token may have been rotated.
            Err(problem) => match &self.token {
                Some(token) if token.renew().await => {
                    self.git(&objects, &fetch).await?;
                }
                _ => return Err(problem),
            },
        }
        let commit = self
            .git(&objects, &["rev-parse", "--verify", "FETCH_HEAD^{commit}"])
            .await?;
        let commit = commit.trim().to_owned();
        let folder = cache.join(&commit);
        if !folder.join(COMPLETE).is_file() {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).map_err(ProjectError::file(&folder))?;
            let work_tree = format!("--work-tree={}", folder.display());
            self.git(
                &objects,
                &[
                    // A link becomes a file that holds its target's name: dbt would follow it out of the project.
                    "-c",
                    "core.symlinks=false",
                    &work_tree,
                    "checkout",
                    "--quiet",
                    "--force",
                    &commit,
                    "--",
                    ".",
                ],
            )
            .await?;
            std::fs::write(folder.join(COMPLETE), "").map_err(ProjectError::file(&folder))?;
        }
        Ok((commit, folder))
    }

    async fn git(&self, directory: &Path, args: &[&str]) -> Result<String, ProjectError> {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(directory)
            .env_clear()
            .envs(
                [
                    "PATH",
                    "HOME",
                    "SSL_CERT_FILE",
                    "GIT_SSL_CAINFO",
                    "HTTPS_PROXY",
                    "https_proxy",
                ]
                .into_iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            // Never asks a person, and takes no settings of this machine's.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file")
            // Each checkout lists its own files.
            .env("GIT_INDEX_FILE", directory.join("index-of-checkout"))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(token) = &self.token {
            // By the environment: other processes can read arguments. `oauth2` is GitLab's name for it, and
            // GitHub takes any.
            let basic = STANDARD.encode(format!("oauth2:{}", token.expose()));
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "http.extraHeader")
                .env("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {basic}"));
        }
        let _ = std::fs::remove_file(directory.join("index-of-checkout"));
        let output = match timeout(PATIENCE, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(e)) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProjectError::NoGit);
            }
            Ok(Err(e)) => return Err(ProjectError::StartGit(e)),
            Err(_) => {
                return Err(ProjectError::SlowGit {
                    command: args[0].to_owned(),
                    limit: PATIENCE,
                });
            }
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said: String = String::from_utf8_lossy(&output.stderr).chars().take(500).collect();
        Err(ProjectError::Git(self.without_password(said.trim())))
    }

    /// Git repeats the address, which may hold a password.
    fn without_password(&self, text: &str) -> String {
        match url::Url::parse(&self.url)
            .ok()
            .and_then(|url| url.password().map(ToOwned::to_owned))
        {
            Some(password) => text.replace(&password, "***"),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use local_stack::git;

    use super::*;

    fn repository(url: &Path, reference: &str) -> Repository {
        Repository {
            url: url.display().to_string(),
            reference: reference.into(),
            token: None,
        }
    }

    #[tokio::test]
    async fn each_commit_gets_a_folder_of_its_own() {
        let (origin, cache) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        git(origin.path(), &["init", "--quiet"]);
        let commit = |text: &str| {
            std::fs::write(origin.path().join("dbt_project.yml"), text).expect("written");
            git(origin.path(), &["add", "."]);
            git(origin.path(), &["commit", "--quiet", "-m", text]);
        };
        commit("name: one\n");
        let main = repository(origin.path(), "main");
        let (first, folder) = main.fetch(cache.path()).await.expect("fetched");
        assert_eq!(main.fetch(cache.path()).await.expect("again").0, first);
        commit("name: two\n");
        let (second, newer) = main.fetch(cache.path()).await.expect("fetched");
        assert_ne!(first, second);
        let name = |folder: &Path| std::fs::read_to_string(folder.join("dbt_project.yml")).expect("there");
        assert_eq!(
            (name(&folder).as_str(), name(&newer).as_str()),
            ("name: one\n", "name: two\n")
        );
    }

    #[tokio::test]
    async fn a_link_leads_nowhere() {
        let (origin, cache) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        git(origin.path(), &["init", "--quiet"]);
        std::fs::create_dir(origin.path().join("models")).expect("made");
        for (target, link) in [("/proc/self/environ", "models/environ.sql"), ("/etc", "models/etc")] {
            std::os::unix::fs::symlink(target, origin.path().join(link)).expect("linked");
        }
        git(origin.path(), &["add", "."]);
        git(origin.path(), &["commit", "--quiet", "-m", "links"]);
        let (_, folder) = repository(origin.path(), "main")
            .fetch(cache.path())
            .await
            .expect("fetched");
        for (target, link) in [("/proc/self/environ", "models/environ.sql"), ("/etc", "models/etc")] {
            let path = folder.join(link);
            assert!(path.symlink_metadata().expect("there").is_file(), "{link} is a link");
            assert_eq!(std::fs::read_to_string(path).expect("text"), target);
        }
    }

    #[tokio::test]
    async fn what_git_says_is_told_without_a_password() {
        let cache = tempfile::tempdir().expect("a folder");
        let problem = repository(Path::new("/nowhere"), "main")
            .fetch(cache.path())
            .await
            .expect_err("none");
        assert!(problem.to_string().contains("git says"), "{problem}");
        let secret = repository(Path::new("https://me:hunter2@git.example/x"), "main");
        assert!(
            !secret
                .without_password("can't reach https://me:hunter2@git.example/x")
                .contains("hunter2")
        );
    }
}
