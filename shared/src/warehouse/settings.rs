//! Where the raw tables are.

use url::Url;

use crate::config::Env;

/// The place of the raw tables, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The Google Cloud project that holds the dataset and pays for queries.
    pub project: String,
    /// The dataset of raw tables.
    pub dataset: String,
    /// Where the dataset is, or will be made, such as `US` or `europe-west1`.
    pub location: Option<String>,
    /// The emulator that stands in for BigQuery, if any.
    pub emulator: Option<Emulator>,
}

/// The two addresses of a BigQuery emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// BigQuery's REST API.
    pub rest: String,
    /// BigQuery's Storage API, gRPC in clear text.
    pub storage: String,
}

impl Settings {
    /// Declares and reads `PROJECT_ID`, `BQ_DATASET_RAW`, `BQ_LOCATION`, `BIGQUERY_EMULATOR_HOST` and
    /// `BIGQUERY_STORAGE_EMULATOR_HOST`.
    pub fn read(env: &mut Env) -> Self {
        let project = env
            .string("PROJECT_ID", "Google Cloud project of the datasets")
            .check(|text| identifier(text, "-:."))
            .required("your Google Cloud project, such as my-project-123");
        let dataset = env
            .string("BQ_DATASET_RAW", "dataset of the raw tables")
            .check(|text| identifier(text, "_"))
            .default("mergemind_raw".into());
        let location = env
            .string("BQ_LOCATION", "where the datasets are, such as US or europe-west1")
            .check(|text| identifier(text, "-"))
            .optional();
        let rest = env
            .url(
                "BIGQUERY_EMULATOR_HOST",
                "a BigQuery emulator's REST address; set, nothing goes to Google Cloud",
            )
            .optional();
        let storage = env
            .url(
                "BIGQUERY_STORAGE_EMULATOR_HOST",
                "the emulator's gRPC address, for the Storage Write API",
            )
            .optional();
        let pair = "are set together: one is the emulator's REST address (http://127.0.0.1:9050), the other its gRPC address (http://127.0.0.1:9060)";
        match (&rest, &storage) {
            (Some(_), None) => env.problem(
                "BIGQUERY_STORAGE_EMULATOR_HOST",
                format!("is not set; it and BIGQUERY_EMULATOR_HOST {pair}"),
            ),
            (None, Some(_)) => env.problem(
                "BIGQUERY_EMULATOR_HOST",
                format!("is not set; it and BIGQUERY_STORAGE_EMULATOR_HOST {pair}"),
            ),
            _ => {}
        }
        let text = |url: Url| url.as_str().trim_end_matches('/').to_owned();
        Self {
            project,
            dataset,
            location,
            emulator: rest.zip(storage).map(|(rest, storage)| Emulator {
                rest: text(rest),
                storage: text(storage),
            }),
        }
    }
}

/// Names go into SQL between backticks, so only letters, digits and `also` may be in them.
fn identifier(text: &str, also: &str) -> Result<(), String> {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c)) {
        return Ok(());
    }
    Err(format!("is '{text}'; it may hold letters, digits and {also} only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_out_of_sql_are_refused() {
        let mut env = Env::from_map([("PROJECT_ID", "p"), ("BQ_DATASET_RAW", "raw`; DROP")]);
        Settings::read(&mut env);
        let problems = env.finish().unwrap_err().to_string();
        assert!(problems.contains("BQ_DATASET_RAW"), "{problems}");
    }

    #[test]
    fn half_an_emulator_is_a_problem() {
        let mut env = Env::from_map([("PROJECT_ID", "p"), ("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9050")]);
        Settings::read(&mut env);
        let problems = env.finish().unwrap_err().to_string();
        assert!(
            problems.contains("BIGQUERY_STORAGE_EMULATOR_HOST is not set"),
            "{problems}"
        );
    }
}
