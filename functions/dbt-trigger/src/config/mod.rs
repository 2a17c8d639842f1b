//! Everything this function can be told, by environment variables alone.

mod callers;
mod dbt;
mod places;
mod project;
mod records;

use mergemind_shared::config::Env;
use mergemind_shared::functions_framework::{Settings, SignatureType};

pub use callers::{GoogleCallers, RunCallers};
pub use dbt::{DbtConfig, REPORT_PROGRAM, RunnerKind};
pub use places::GcsUri;
pub use project::{GitConfig, ProjectConfig};
pub use records::RecordsConfig;

/// The name of this function.
pub const NAME: &str = "dbt-trigger";

/// The configuration, read once at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen, and limits of the HTTP side.
    pub settings: Settings,
    /// Who may call.
    pub callers: RunCallers,
    /// Whether a failed test makes the answer a 500.
    pub fail_on_test_failure: bool,
    /// How to run dbt.
    pub dbt: DbtConfig,
    /// Where to fetch the project from, if not from this machine.
    pub project: ProjectConfig,
    /// Where it is written down what became of runs.
    pub records: RecordsConfig,
}

impl Config {
    /// Declares and reads every variable; problems stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        let settings = Settings::read(env, NAME, &[SignatureType::Http, SignatureType::CloudEvent]);
        let callers = RunCallers::read(env);
        let fail_on_test_failure = env
            .bool(
                "FAIL_ON_TEST_FAILURE",
                "answer 500 instead of 200 with status 'warning' when a test fails",
            )
            .default(false);
        let project = ProjectConfig::read(env);
        let dbt = DbtConfig::read(env, project.is_fetched());
        let records = RecordsConfig::read(env, &dbt.environment);
        Self {
            settings,
            callers,
            fail_on_test_failure,
            dbt,
            project,
            records,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> (Config, String) {
        let mut env = Env::from_map(variables.iter().copied());
        let config = Config::read(&mut env);
        let problems = env.finish().err().map(|p| p.to_string()).unwrap_or_default();
        (config, problems)
    }

    #[test]
    fn it_does_not_start_without_a_token_or_a_project() {
        let (_, problems) = read(&[]);
        assert!(problems.contains("AUTH_TOKEN is not set"), "{problems}");
        assert!(problems.contains("DBT_PROJECT_DIR is"), "{problems}");
        let (_, problems) = read(&[("AUTH_TOKEN", "changeme"), ("AUTH_TOKEN_PREVIOUS", "<token>")]);
        assert!(problems.contains("AUTH_TOKEN is a placeholder"), "{problems}");
        assert!(problems.contains("AUTH_TOKEN_PREVIOUS is a placeholder"), "{problems}");
    }

    #[test]
    fn what_can_be_guessed_is_no_token() {
        for (name, value) in [
            ("AUTH_TOKEN", "ab"),
            ("AUTH_TOKEN", "123456789012345"),
            ("AUTH_TOKEN_PREVIOUS", "letmein"),
            ("FIVETRAN_WEBHOOK_SECRET", "dt4821"),
        ] {
            let (_, problems) = read(&[(name, value)]);
            let told = format!("{name} has fewer than 16 characters");
            assert!(
                problems.contains(&told) && problems.contains("openssl rand -hex 32"),
                "{problems}"
            );
            assert!(!problems.contains(value), "{problems}");
        }
        let (_, problems) = read(&[("AUTH_TOKEN", "sixteen letters and blanks")]);
        assert!(problems.contains("AUTH_TOKEN holds a blank"), "{problems}");
        for sound in ["sixteen-letters-", "sm://projects/p/secrets/s"] {
            assert!(!read(&[("AUTH_TOKEN", sound)]).1.contains("AUTH_TOKEN"), "{sound}");
        }
    }

    #[test]
    fn a_project_sees_no_secret_of_ours_however_it_is_allowed() {
        for pattern in [
            "AUTH_TOKEN",
            "AUTH_*",
            "*",
            "COMPANY_REGION,FIVETRAN_*",
            "DBT_PROJECT_GIT_TOKEN",
        ] {
            let (_, problems) = read(&[("DBT_ENV_ALLOW", pattern)]);
            assert!(problems.contains("DBT_ENV_ALLOW holds"), "{pattern}: {problems}");
        }
        let (config, problems) = read(&[("DBT_ENV_ALLOW", "COMPANY_REGION, TEAM_*")]);
        assert!(!problems.contains("DBT_ENV_ALLOW"), "{problems}");
        assert_eq!(config.dbt.env_allow, ["COMPANY_REGION", "TEAM_*"]);
    }

    #[test]
    fn a_token_and_a_project_are_enough() {
        let project = crate::testing::empty_project();
        let path = project.path().to_str().expect("unicode");
        let (config, problems) = read(&[("AUTH_TOKEN", "a-real-one-0f5c2d"), ("DBT_PROJECT_DIR", path)]);
        assert_eq!(problems, "");
        assert_eq!(config.dbt.profiles_dir, config.dbt.project_dir);
        assert_eq!(config.dbt.kind, RunnerKind::Worker);
        assert!(
            config
                .dbt
                .environment
                .contains(&("BQ_DATASET_RAW", "mergemind_raw".into()))
        );
        assert!(!config.dbt.environment.iter().any(|(name, _)| *name == "PROJECT_ID"));
    }

    #[test]
    fn what_the_connector_syncs_by_choice_is_what_dbt_finds() {
        let tables = |streams| {
            let (config, problems) = read(&[("STREAMS", streams)]);
            assert!(!problems.contains("STREAMS"), "{problems}");
            let found = config
                .dbt
                .environment
                .into_iter()
                .find(|(name, _)| *name == "OPTIONAL_TABLES");
            found.map(|(_, value)| value)
        };
        assert_eq!(tables(""), None);
        let expected = "mr_details,mr_commits,mr_state_events,deployments,deployment_merge_requests,environments,jobs";
        assert_eq!(tables("recommended, jobs").as_deref(), Some(expected));
        assert!(read(&[("STREAMS", "a') or ('1")]).1.contains("STREAMS"));
    }

    #[test]
    fn an_emulator_brings_its_project() {
        let (config, _) = read(&[("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9050")]);
        assert!(
            config
                .dbt
                .environment
                .contains(&("PROJECT_ID", "mergemind-local".into()))
        );
    }
}
