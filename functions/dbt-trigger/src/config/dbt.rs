//! How dbt is run.

use std::path::PathBuf;
use std::time::Duration;

use mergemind_shared::config::Env;
use mergemind_shared::streams::expand;

use super::places::directory;

/// The program that makes the report, in the folder that `REPORT_DIR` names.
pub const REPORT_PROGRAM: &str = "make.py";

/// How to run dbt.
#[derive(Debug, Clone)]
pub struct DbtConfig {
    /// Where `dbt_project.yml` is; absolute.
    pub project_dir: PathBuf,
    /// What was fetched, of which the project is a part or all; `None` if it is a directory of this machine.
    pub fetched: Option<PathBuf>,
    /// Where the program is that makes the report over the marts, if there is one; absolute.
    pub report_dir: Option<PathBuf>,
    /// Where `profiles.yml` is; absolute.
    pub profiles_dir: PathBuf,
    /// The profile's target; `None` leaves it to the profile.
    pub target: Option<String>,
    /// The interpreter of the environment that has dbt.
    pub python: String,
    /// How dbt is run.
    pub kind: RunnerKind,
    /// What the command line starts instead of Python's dbt; only with [`RunnerKind::Cli`].
    pub executable: Option<String>,
    /// How long one run may take, and how long the worker may take to get ready.
    pub timeout: Duration,
    /// How many nodes dbt builds at a time.
    pub threads: u16,
    /// The targets that a request may choose.
    pub targets: Vec<String>,
    /// Whether a run builds only what is downstream of what its callers say has changed.
    pub follow_changes: bool,
    /// Whether BigQuery is an emulator.
    pub on_emulator: bool,
    /// The worker is started anew when it holds more memory than this, in MiB.
    pub worker_memory: u64,
    /// Whether `dbt deps` is run when the project's packages changed.
    pub deps: bool,
    /// Where dbt's output goes; `None` for a fresh directory that goes away at the end.
    pub state_dir: Option<PathBuf>,
    /// dbt's own setting for its compiled output; wins over the state directory.
    pub target_path: Option<PathBuf>,
    /// dbt's own setting for its log files; without it, dbt writes none.
    pub log_path: Option<PathBuf>,
    /// Names of variables that dbt may know beside those that it needs; one that ends in `*` stands for all that begin so.
    pub env_allow: Vec<String>,
    /// Variables that dbt gets on top of this process's own.
    pub environment: Vec<(&'static str, String)>,
}

/// How dbt is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    /// A resident process that has dbt imported and the project parsed.
    Worker,
    /// A new dbt command line for every run.
    Cli,
}

impl DbtConfig {
    pub(super) fn read(env: &mut Env, is_fetched: bool) -> Self {
        let project_dir = directory(
            &env.string("DBT_PROJECT_DIR", "directory of dbt_project.yml")
                .default("./models".into()),
        );
        if !is_fetched && !project_dir.join("dbt_project.yml").is_file() {
            env.problem(
                "DBT_PROJECT_DIR",
                format!(
                    "is {}, which has no dbt_project.yml; set it to the directory of your dbt project",
                    project_dir.display()
                ),
            );
        }
        let profiles_dir = env
            .string(
                "DBT_PROFILES_DIR",
                "directory of profiles.yml; the project's, unless set",
            )
            .optional()
            .map_or_else(|| project_dir.clone(), |path| directory(&path));
        let report_dir = env
            .string(
                "REPORT_DIR",
                "folder of the program that makes GET /report; if it is set, the report and the documentation are made after each build of everything",
            )
            .check(|path| match directory(path).join(REPORT_PROGRAM).is_file() {
                true => Ok(()),
                false => Err(format!("has no {REPORT_PROGRAM}; name the folder scripts/reporting, or set nothing")),
            })
            .optional()
            .map(|path| directory(&path));
        let target = env
            .string(
                "DBT_TARGET",
                "target of the profile; the profile's own default, unless set",
            )
            .optional();
        let mut targets = env
            .list(
                "DBT_TARGETS",
                "targets of the profile that a request may choose; commas between",
            )
            .default(Vec::new());
        targets.extend(target.clone());
        let scope = env
            .string(
                "BUILD_SCOPE",
                "changed: build only what is downstream of the tables that callers name as changed, and all once a day; all: always all of the project",
            )
            .one_of(&["all", "changed"])
            .default("changed".into());
        let python = env
            .string("DBT_PYTHON", "Python interpreter of the environment that has dbt")
            .default("python3".into());
        let kind = env
            .string(
                "DBT_RUNNER",
                "worker: keep dbt loaded between runs; cli: start it anew for each run",
            )
            .one_of(&["worker", "cli"])
            .default("worker".into());
        let executable = env
            .string(
                "DBT_EXECUTABLE",
                "dbt executable that DBT_RUNNER=cli starts, such as dbt v2's; DBT_PYTHON with its dbt-core, unless set",
            )
            .optional();
        if executable.is_some() && kind != "cli" {
            env.problem(
                "DBT_EXECUTABLE",
                "needs DBT_RUNNER=cli: the worker is Python's dbt-core, kept loaded".to_owned(),
            );
        }
        let timeout = env
            .duration("DBT_TIMEOUT_SECONDS", "how long a run may take before it is ended")
            .check(|timeout| match timeout.is_zero() {
                true => Err("is 0; it must be longer than that".into()),
                false => Ok(()),
            })
            .default(Duration::from_secs(300));
        let on_emulator = env.is_set("BIGQUERY_EMULATOR_HOST");
        let threads = env
            .number(
                "DBT_THREADS",
                "how many nodes dbt builds at a time: BigQuery computes and dbt waits; 4 on an emulator, unless set",
            )
            .range(1, 256)
            .default(if on_emulator { 4 } else { 16 });
        let most_billed = env
            .number(
                "MAX_BYTES_BILLED",
                "bytes that BigQuery may bill for one run, which fails beyond; without a limit, unless set",
            )
            .range(1, i64::MAX)
            .optional();
        let worker_memory = env
            .number(
                "DBT_WORKER_MEMORY_MIB",
                "the worker is started anew when it has grown beyond this many MiB",
            )
            .range(128, 1_000_000)
            .default(1_024);
        let deps = env
            .bool(
                "DBT_DEPS",
                "run dbt deps when packages.yml, dependencies.yml or their lock changed",
            )
            .default(true);
        let env_allow = env
            .list(
                "DBT_ENV_ALLOW",
                "variables that the project may read with env_var(), beside dbt's, Google's and Python's own; commas between, COMPANY_* for all that begin so",
            )
            .check(|names| {
                let own = ["AUTH_TOKEN", "FIVETRAN_WEBHOOK_SECRET", "DBT_PROJECT_GIT_TOKEN"];
                let covers = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
                    Some(beginning) => name.starts_with(beginning),
                    None => name.starts_with(pattern),
                };
                match names.iter().find(|pattern| own.iter().any(|name| covers(pattern, name))) {
                    Some(pattern) => Err(format!("holds {pattern}, which would show this function's own secrets to the project; name variables one by one")),
                    None => Ok(()),
                }
            })
            .default(Vec::new());
        let mut path = |name, description| {
            let path = env.string(name, description).optional();
            path.map(|path| directory(&path))
        };
        let state_dir = path(
            "DBT_STATE_DIR",
            "directory for dbt's output, kept between starts; a temporary one, unless set",
        );
        let target_path = path(
            "DBT_TARGET_PATH",
            "directory for dbt's compiled output; in the state directory, unless set",
        );
        let log_path = path(
            "DBT_LOG_PATH",
            "directory for dbt's log files; none are written, unless set",
        );
        Self {
            project_dir,
            fetched: None,
            profiles_dir,
            report_dir,
            target,
            python,
            kind: if kind == "cli" {
                RunnerKind::Cli
            } else {
                RunnerKind::Worker
            },
            timeout,
            executable,
            threads,
            targets,
            follow_changes: scope == "changed",
            on_emulator,
            worker_memory,
            deps,
            state_dir,
            target_path,
            log_path,
            env_allow,
            environment: environment(env, threads, most_billed),
        }
    }
}

/// What the project's profile and models read, with the defaults that all parts of this pipeline share.
fn environment(env: &mut Env, threads: u16, most_billed: Option<i64>) -> Vec<(&'static str, String)> {
    let emulator = env
        .url(
            "BIGQUERY_EMULATOR_HOST",
            "address of a BigQuery emulator, for dbt's profile; Google's BigQuery, unless set",
        )
        .optional();
    let project = env
        .string(
            "PROJECT_ID",
            "Google Cloud project, for dbt's profile; mergemind-local on an emulator",
        )
        .check(|name| is_name(name, "-:."))
        .optional()
        .or_else(|| emulator.as_ref().map(|_| "mergemind-local".to_owned()))
        .or_else(|| env.system("GOOGLE_CLOUD_PROJECT").map(ToOwned::to_owned));
    let mut all: Vec<_> = project.into_iter().map(|project| ("PROJECT_ID", project)).collect();
    for (name, description, default) in [
        (
            "BQ_DATASET_RAW",
            "dataset of the raw tables, for dbt's sources",
            "mergemind_raw",
        ),
        ("BQ_DATASET_MODELED", "dataset that dbt builds", "mergemind"),
        ("BQ_LOCATION", "location of the datasets", "US"),
    ] {
        let value = env.string(name, description).check(|name| is_name(name, "-_"));
        all.push((name, value.default(default.into())));
    }
    all.push(("DBT_THREADS", threads.to_string()));
    // Only if they are set: another variable would have dbt parse the image's parsed project again.
    all.extend(most_billed.map(|bytes| ("MAX_BYTES_BILLED", bytes.to_string())));
    let streams = env
        .list(
            "STREAMS",
            "what gitlab-connector syncs by choice, as its own STREAMS says it: what needs their tables is built",
        )
        .check(|names| names.iter().try_for_each(|name| is_name(name, "_")))
        .default(Vec::new());
    if !streams.is_empty() {
        all.push(("OPTIONAL_TABLES", expand(streams).join(",")));
    }
    all.push(("DBT_SEND_ANONYMOUS_USAGE_STATS", "false".into()));
    all
}

/// Names go into SQL between backticks.
fn is_name(text: &str, also: &str) -> Result<(), String> {
    match text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c)) {
        true => Ok(()),
        false => Err(format!("is '{text}'; it may hold letters, digits and {also} only")),
    }
}
