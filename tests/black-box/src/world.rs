//! One test's part of the pipeline.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gitlab_sim::instant::{self, DAY, HOUR};
use local_stack::{Connector, GITLAB_TOKEN, Gitlab, Trigger, TriggerOptions, Warehouse, root};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The token of every test's dbt-trigger.
pub const TRIGGER_TOKEN: &str = "black-box-7d0e2c55";

/// The warehouse of all tests; it ends with this process, whose end it notices.
pub fn warehouse() -> &'static Warehouse {
    static SHARED: OnceLock<(Warehouse, TempDir)> = OnceLock::new();
    &SHARED
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            // Where the tests run in several processes, each has a warehouse.
            let name = std::env::var("WAREHOUSE_LOG").unwrap_or_else(|_| "black-box-warehouse".to_owned());
            let log = root().join(format!(".local/logs/{name}.log"));
            let mut warehouse = Warehouse::start(folder.path(), &log).expect("scripts/prepare-python was run");
            warehouse.wait().expect("the warehouse starts");
            (warehouse, folder)
        })
        .0
}

/// The last Wednesday afternoon. What is open at the end of a small GitLab's data depends on how many working hours lie
/// before it: at another hour of the week a test may find no merge request to merge.
fn last_wednesday(now: gitlab_sim::instant::Instant) -> String {
    let afternoon = 6 * DAY + 15 * HOUR;
    instant::print(now - (now - afternoon).rem_euclid(7 * DAY))
}

/// A GitLab, and datasets that nobody else uses.
pub struct World {
    /// The test's name.
    pub name: &'static str,
    /// Its GitLab.
    pub gitlab: Gitlab,
    /// Its dataset of raw tables.
    pub raw: String,
    /// Its dataset of marts.
    pub modelled: String,
    folder: TempDir,
}

impl World {
    /// A small GitLab for the test `name`; `arguments` change it.
    pub fn new(name: &'static str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let anchor = last_wednesday(instant::now());
        let mut all = vec![
            "--projects",
            "5",
            "--merge-requests",
            "90",
            "--months",
            "6",
            "--anchor",
            &anchor,
        ];
        // An argument given twice is an error, so the defaults give way.
        for pair in arguments.chunks(2) {
            if let Some(place) = all.iter().position(|known| *known == pair[0]) {
                all.drain(place..=place + 1);
            }
        }
        all.extend(arguments);
        let gitlab = Gitlab::start(&all, &log(name, "gitlab-sim")).expect("the simulated GitLab starts");
        Self {
            name,
            gitlab,
            raw: format!("raw_{name}"),
            modelled: format!("marts_{name}"),
            folder,
        }
    }

    /// A connector for this GitLab; `more` variables come on top, or instead.
    pub fn connector(&self, more: &[(&str, &str)]) -> Connector {
        let mut variables = vec![
            ("GITLAB_BASE_URL", self.gitlab.url.as_str()),
            ("GITLAB_TOKEN", GITLAB_TOKEN),
            ("GITLAB_GROUPS", "acme"),
            ("BQ_DATASET_RAW", self.raw.as_str()),
        ];
        variables.extend(more);
        Connector::start(warehouse(), &variables, &log(self.name, "gitlab-connector")).expect("the connector starts")
    }

    /// A dbt-trigger for this test's datasets, with or without dbt's unit tests.
    pub fn trigger(&self, project: &Path, unit_tests: bool) -> Trigger {
        self.start_trigger(project, unit_tests, false)
    }

    /// One that makes documentation and report after a build of everything.
    pub fn reporting_trigger(&self) -> Trigger {
        self.start_trigger(&root().join("models"), false, true)
    }

    fn start_trigger(&self, project: &Path, unit_tests: bool, reports: bool) -> Trigger {
        let options = TriggerOptions {
            project: project.to_owned(),
            datasets: (&self.raw, &self.modelled),
            state: self.folder.path().join("dbt"),
            streams: "",
            token: TRIGGER_TOKEN,
            unit_tests,
            reports,
        };
        Trigger::start(warehouse(), &options, &log(self.name, "dbt-trigger")).expect("dbt-trigger starts")
    }

    /// A copy of the dbt project that the test may break.
    pub fn copy_of_models(&self) -> PathBuf {
        let copy = self.folder.path().join("models");
        copy_folder(&root().join("models"), &copy);
        copy
    }

    /// One sync that must succeed.
    pub fn sync(&self, connector: &Connector) -> Value {
        let (status, answer) = connector.sync().expect("an answer");
        assert_eq!(status, 200, "{answer:#}");
        assert_eq!(answer["status"], "success", "{answer:#}");
        answer
    }

    /// Begins `sync` and returns when it asks for its first issues: it has them no sooner than after `pause`. Whoever asks
    /// then is answered at once.
    pub fn held_at_issues<T: Send + 'static>(
        &self,
        pause: Duration,
        sync: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let asked = || {
            let stats = self.gitlab.stats().expect("statistics");
            stats["operations"]["Issues"].as_u64().unwrap_or_default()
        };
        let before = asked();
        let rule = json!({"operation": "Issues", "fault": "hang", "ms": pause.as_millis() as u64});
        self.gitlab.faults(&json!({"rules": [rule]})).expect("faults");
        let sync = std::thread::spawn(sync);
        while asked() == before {
            assert!(!sync.is_finished(), "it did not ask for issues");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.gitlab.faults(&json!({})).expect("no faults");
        sync
    }

    /// Waits until a raw table equals GitLab.
    pub fn wait_for_rows(&self, table: &str, longest: Duration) {
        let begun = Instant::now();
        while let Some(difference) = crate::table_difference(&self.gitlab, warehouse(), &self.raw, table) {
            assert!(begun.elapsed() < longest, "after {longest:?} still: {difference}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// A raw table equals GitLab.
    pub fn assert_equal_rows(&self, table: &str) {
        crate::assert_table_equals(&self.gitlab, warehouse(), &self.raw, table);
    }

    /// Everything in the raw tables equals GitLab.
    pub fn assert_equal(&self) {
        crate::assert_equal_to_gitlab(&self.gitlab, warehouse(), &self.raw);
    }
}

/// Rows of a stream that a sync wrote.
pub fn written(answer: &Value, stream: &str) -> u64 {
    let streams = answer["streams"].as_array().expect("streams");
    let found = streams
        .iter()
        .find(|entry| entry["stream"] == stream)
        .expect("the stream");
    found["written"].as_u64().expect("a number")
}

fn log(test: &str, process: &str) -> PathBuf {
    root().join(".local/logs").join(format!("{test}-{process}.log"))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            // What an earlier run of dbt by hand left there is not part of the project.
            if !["target", "logs"].iter().any(|skipped| entry.file_name() == *skipped) {
                copy_folder(&entry.path(), &target);
            }
        } else {
            std::fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}
