//! How Python processes are started, and what of this process's environment they get.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use crate::config::DbtConfig;
use crate::work_dirs::WorkDirs;

/// Beginnings of names of variables that are for this function alone: a project's macros can read all others.
const SECRETS: [&str; 3] = ["AUTH_TOKEN", "FIVETRAN_WEBHOOK_SECRET", "DBT_PROJECT_GIT_TOKEN"];

/// How every Python process is started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) python: String,
    environment: Arc<[(OsString, OsString)]>,
}

impl Launch {
    pub(super) fn new(config: &DbtConfig, dirs: &WorkDirs) -> Self {
        Self {
            python: config.python.clone(),
            environment: environment(std::env::vars_os(), config, dirs).into(),
        }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in a terminal is for this process, which ends dbt in order.
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    pub(super) fn explain(&self, error: &std::io::Error) -> String {
        format!(
            "can't start '{}': {error}; set DBT_PYTHON to the Python interpreter of the environment that has dbt",
            self.python
        )
    }
}

/// This process's environment without its tokens, with what dbt is told by it.
fn environment(
    own: impl Iterator<Item = (OsString, OsString)>,
    config: &DbtConfig,
    dirs: &WorkDirs,
) -> Vec<(OsString, OsString)> {
    let mut all: Vec<_> = own
        .filter(|(name, _)| !SECRETS.iter().any(|secret| name.to_string_lossy().starts_with(secret)))
        .collect();
    let path = |path: &std::path::Path| path.as_os_str().to_owned();
    let log_level_file = if config.log_path.is_some() { "debug" } else { "none" };
    let mut set = |name: &str, value: OsString| {
        all.retain(|(known, _)| known != name);
        all.push((name.into(), value));
    };
    for (name, value) in &config.environment {
        set(name, value.into());
    }
    set("DBT_TARGET_PATH", path(dirs.target()));
    set("DBT_LOG_PATH", path(dirs.logs()));
    set("DBT_LOG_FORMAT", "json".into());
    set("DBT_LOG_LEVEL", "info".into());
    set("DBT_LOG_LEVEL_FILE", log_level_file.into());
    set("DBT_USE_COLORS", "false".into());
    set("PYTHONUNBUFFERED", "1".into());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dbt_gets_the_environment_but_no_token() {
        let project = crate::testing::empty_project();
        let (config, dirs) = crate::testing::dbt_config(project.path());
        let own = [
            ("AUTH_TOKEN", "x"),
            ("AUTH_TOKEN_PREVIOUS", "y"),
            ("PATH", "/bin"),
            ("DBT_LOG_FORMAT", "text"),
        ];
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let all = environment(own, &config, &dirs);
        let value = |name: &str| {
            let found: Vec<_> = all.iter().filter(|(known, _)| known == name).collect();
            assert!(found.len() <= 1, "{name}");
            found.first().map(|(_, value)| value.to_string_lossy().into_owned())
        };
        assert_eq!(value("AUTH_TOKEN"), None);
        assert_eq!(value("AUTH_TOKEN_PREVIOUS"), None);
        assert_eq!(value("PATH").as_deref(), Some("/bin"));
        assert_eq!(value("DBT_LOG_FORMAT").as_deref(), Some("json"));
        assert_eq!(value("BQ_DATASET_MODELED").as_deref(), Some("mergemind"));
        assert_eq!(value("DBT_SEND_ANONYMOUS_USAGE_STATS").as_deref(), Some("false"));
        assert_ne!(value("DBT_TARGET_PATH"), None);
    }
}
