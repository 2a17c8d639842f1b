//! How dbt's processes are started, and what of this process's environment they get.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use tokio::process::Command;

use crate::config::DbtConfig;
use crate::work_dirs::WorkDirs;

/// What dbt, Python and Google's clients read. A project's macros can read whatever dbt gets, so it gets nothing else
/// but what `DBT_ENV_ALLOW` names. A name that ends in `*` stands for all that begin so.
const ALLOWED: [&str; 35] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "PYTHON*",
    "DBT_*",
    "PROJECT_ID",
    "BQ_*",
    "BIGQUERY_EMULATOR_HOST",
    "GOOGLE_*",
    "CLOUDSDK_*",
    "GCE_METADATA_*",
    "GCLOUD_PROJECT",
    "NO_GCE_CHECK",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "JE_ARROW_MALLOC_CONF",
];
/// Of those, what is for this function alone, or for the one that calls it.
const OWN: [&str; 3] = ["DBT_PROJECT_GIT_*", "DBT_TRIGGER_*", "DBT_ENV_ALLOW"];

/// The program of Python's dbt, resident or, with arguments, its command line; passed with `-c`, so that the function is one file.
pub(super) const SOURCE: &str = concat!(
    include_str!("../../python/path.py"),
    "\n\n",
    include_str!("../../python/confinement.py"),
    "\n\n",
    include_str!("../../python/shortcuts.py"),
    "\n\n",
    include_str!("../../python/fewer_jobs.py"),
    "\n\n",
    include_str!("../../python/budget.py"),
    "\n\n",
    include_str!("../../python/live_rows.py"),
    "\n\n",
    include_str!("../../python/worker.py")
);

/// How dbt's processes are started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) python: String,
    /// Whether dbt is kept to a fetched project's folder.
    is_confined: bool,
    /// What is started as the command line instead of Python's dbt.
    executable: Option<String>,
    environment: Arc<[(OsString, OsString)]>,
}

impl Launch {
    pub(super) fn new(config: &DbtConfig, dirs: &WorkDirs) -> Self {
        Self {
            python: config.python.clone(),
            is_confined: config.fetched.is_some(),
            executable: config.executable.clone(),
            environment: environment(std::env::vars_os(), config, dirs).into(),
        }
    }

    /// The resident process; with arguments, dbt's command line instead.
    pub(super) fn resident(&self) -> Command {
        let mut command = self.python();
        command.args(["-c", SOURCE]);
        command
    }

    pub(super) fn python(&self) -> Command {
        let mut command = self.command(&self.python);
        // With `-m` and `-c` the current directory is on the path, here and in what Python starts by itself: a file there
        // must not pass for a module.
        command.env("PYTHONSAFEPATH", "1");
        command
    }

    /// dbt's command line.
    pub(super) fn dbt(&self) -> Command {
        if let Some(executable) = &self.executable {
            return self.command(executable);
        }
        if self.is_confined {
            return self.resident();
        }
        let mut command = self.python();
        command.args(["-m", "dbt.cli.main"]);
        command
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
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
        match &self.executable {
            Some(executable) => {
                format!("can't start '{executable}': {error}; set DBT_EXECUTABLE to the path of a dbt executable")
            }
            None => format!(
                "can't start '{}': {error}; set DBT_PYTHON to the Python interpreter of the environment that has dbt",
                self.python
            ),
        }
    }
}

/// What of this process's environment dbt may know, with what dbt is told by this function.
fn environment(
    own: impl Iterator<Item = (OsString, OsString)>,
    config: &DbtConfig,
    dirs: &WorkDirs,
) -> Vec<(OsString, OsString)> {
    let mut all: Vec<_> = own
        .filter(|(name, _)| name.to_str().is_some_and(|name| is_allowed(name, &config.env_allow)))
        .collect();
    let path = |path: &Path| path.as_os_str().to_owned();
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
    if let Some(fetched) = &config.fetched {
        for (name, value) in confined(fetched, config, dirs) {
            set(name, value);
        }
    }
    all
}

/// What keeps dbt, and git for its packages, to a fetched project's folder.
fn confined(fetched: &Path, config: &DbtConfig, dirs: &WorkDirs) -> Vec<(&'static str, OsString)> {
    let temporary = dirs.target().join("tmp");
    if let Err(e) = std::fs::create_dir_all(&temporary) {
        tracing::error!("dbt has no temporary folder, {}: {e}", temporary.display());
    }
    let own = [fetched, dirs.target(), dirs.logs()];
    let files = json!({"own": own, "read": [config.profiles_dir.join("profiles.yml")]});
    vec![
        // `python/confinement.py` reads it.
        ("MERGEMIND_DBT_FILES", files.to_string().into()),
        ("TMPDIR", temporary.into()),
        // Packages come from elsewhere, not from this machine's folders, and their links become files.
        ("GIT_ALLOW_PROTOCOL", "https:http:ssh:git".into()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "core.symlinks".into()),
        ("GIT_CONFIG_VALUE_0", "false".into()),
    ]
}

fn is_allowed(name: &str, more: &[String]) -> bool {
    let is = |pattern: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    let is_own = OWN.iter().any(|pattern| is(pattern));
    !is_own && (ALLOWED.iter().any(|pattern| is(pattern)) || more.iter().any(|pattern| is(pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dbt_gets_what_it_needs_and_what_is_allowed_and_no_token() {
        let project = crate::testing::empty_project();
        let (config, dirs) = crate::testing::dbt_config(project.path());
        let own = [
            ("AUTH_TOKEN", "x"),
            ("AUTH_TOKEN_PREVIOUS", "y"),
            ("PATH", "/bin"),
            ("DBT_LOG_FORMAT", "text"),
            ("DBT_PROJECT_GIT_TOKEN", "x"),
            ("DBT_TRIGGER_AUTH_TOKEN", "x"),
            ("FIVETRAN_WEBHOOK_SECRET", "x"),
            ("GITLAB_TOKEN", "x"),
            ("DATABASE_PASSWORD", "x"),
            ("COMPANY_REGION", "eu"),
            ("COMPANY_SECRET", "x"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
            ("https_proxy", "http://proxy"),
            ("PYTHONPATH", "/lib"),
            ("DBT_ENV_SECRET_PACKAGES", "dbt's own"),
        ];
        let config = DbtConfig {
            env_allow: vec!["COMPANY_REGION".into()],
            ..config
        };
        let own = own.into_iter().map(|(name, value)| (name.into(), value.into()));
        let all = environment(own, &config, &dirs);
        let value = |name: &str| {
            let found: Vec<_> = all.iter().filter(|(known, _)| known == name).collect();
            assert!(found.len() <= 1, "{name}");
            found.first().map(|(_, value)| value.to_string_lossy().into_owned())
        };
        for kept in [
            "AUTH_TOKEN",
            "AUTH_TOKEN_PREVIOUS",
            "DBT_PROJECT_GIT_TOKEN",
            "DBT_TRIGGER_AUTH_TOKEN",
            "FIVETRAN_WEBHOOK_SECRET",
            "GITLAB_TOKEN",
            "DATABASE_PASSWORD",
            "COMPANY_SECRET",
        ] {
            assert_eq!(value(kept), None, "{kept}");
        }
        for (given, wanted) in [
            ("COMPANY_REGION", "eu"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
            ("https_proxy", "http://proxy"),
            ("PYTHONPATH", "/lib"),
            ("DBT_ENV_SECRET_PACKAGES", "dbt's own"),
        ] {
            assert_eq!(value(given).as_deref(), Some(wanted));
        }
        assert_eq!(value("PATH").as_deref(), Some("/bin"));
        assert_eq!(value("DBT_LOG_FORMAT").as_deref(), Some("json"));
        assert_eq!(value("BQ_DATASET_MODELED").as_deref(), Some("mergemind"));
        assert_eq!(value("DBT_SEND_ANONYMOUS_USAGE_STATS").as_deref(), Some("false"));
        assert_ne!(value("DBT_TARGET_PATH"), None);
    }
}
