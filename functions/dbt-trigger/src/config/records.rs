//! Where it is written down what became of runs.

use std::path::PathBuf;
use std::time::Duration;

use mergemind_shared::config::Env;
use mergemind_shared::warehouse::{Emulator, Settings};
use url::Url;

use super::places::{GcsUri, directory, storage_emulator};

/// Artifacts, history, lease.
#[derive(Debug, Clone, Default)]
pub struct RecordsConfig {
    /// A local folder for artifacts.
    pub folder: Option<PathBuf>,
    /// A place in Cloud Storage for artifacts.
    pub bucket: Option<GcsUri>,
    /// An address that stands for Cloud Storage.
    pub storage_emulator: Option<Url>,
    /// The dataset of the history and the lease; `None`: there is neither.
    pub warehouse: Option<Settings>,
    /// Whether runs are written into the history.
    pub history: bool,
    /// How long the lease of an instance that died stays; `None`: runs need none.
    pub lease: Option<Duration>,
}

impl RecordsConfig {
    pub(super) fn read(env: &mut Env, environment: &[(&'static str, String)]) -> Self {
        let artifacts = env
            .string(
                "DBT_ARTIFACTS",
                "folder, or gs://bucket/path, that keeps each run's artifacts; unset, the last 20 runs' are kept",
            )
            .check(
                |text| match text.starts_with("gs://") && GcsUri::parse(text).is_none() {
                    true => Err("must be a folder or have the form gs://bucket/path".into()),
                    false => Ok(()),
                },
            )
            .optional();
        let storage = env
            .url(
                "BIGQUERY_STORAGE_EMULATOR_HOST",
                "the emulator's gRPC address, for the history of runs",
            )
            .optional();
        let warehouse = warehouse(env, environment, storage);
        let history = env
            .bool(
                "RUN_HISTORY",
                "write runs into _dbt_runs and _dbt_run_nodes in the dataset that dbt builds; true if the project is known",
            )
            .default(warehouse.is_some());
        let on_cloud_run = env.is_set("K_SERVICE");
        let lease = env
            .bool(
                "RUN_LEASE",
                "let only one instance run dbt at a time; true on Cloud Run, elsewhere false",
            )
            .default(on_cloud_run && warehouse.is_some());
        let duration = env
            .duration(
                "RUN_LEASE_SECONDS",
                "after this time another instance takes over from one that died",
            )
            .check(|duration| match *duration < Duration::from_secs(3) {
                true => Err("must be at least 3s".into()),
                false => Ok(()),
            })
            .default(Duration::from_secs(60));
        for (name, wanted) in [("RUN_HISTORY", history), ("RUN_LEASE", lease)] {
            if wanted && warehouse.is_none() {
                env.problem(
                    name,
                    "is true, but there is no BigQuery to use; set PROJECT_ID, and with BIGQUERY_EMULATOR_HOST also BIGQUERY_STORAGE_EMULATOR_HOST",
                );
            }
        }
        Self {
            bucket: artifacts.as_deref().and_then(GcsUri::parse),
            folder: artifacts
                .filter(|text| !text.starts_with("gs://"))
                .map(|path| directory(&path)),
            storage_emulator: storage_emulator(env),
            warehouse,
            history,
            lease: lease.then_some(duration),
        }
    }
}

/// The dataset that dbt builds, as dbt itself is told about it.
fn warehouse(env: &Env, environment: &[(&'static str, String)], storage: Option<Url>) -> Option<Settings> {
    let told = |name: &str| {
        environment
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
    };
    let text = |url: &str| url.trim_end_matches('/').to_owned();
    let emulator = match (env.system("BIGQUERY_EMULATOR_HOST"), storage) {
        (Some(rest), Some(storage)) => Some(Emulator {
            rest: text(rest),
            storage: text(storage.as_str()),
        }),
        (None, _) => None,
        (Some(_), None) => return None,
    };
    Some(Settings {
        project: told("PROJECT_ID")?,
        dataset: told("BQ_DATASET_MODELED")?,
        location: told("BQ_LOCATION"),
        emulator,
    })
}
