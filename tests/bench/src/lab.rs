//! What measurements start.

use std::path::PathBuf;

use local_stack::{Connector, Failed, GITLAB_TOKEN, Gitlab, Warehouse, root};
use serde_json::{Value, json};

use crate::options::Options;
use crate::slow_warehouse::Pace;

/// The group that holds all projects of the simulated GitLab.
pub const GROUP: &str = "acme";
/// The dataset of raw tables.
pub const RAW: &str = "bench_raw";

/// How much is measured, and a folder for it that is removed afterwards.
pub struct Lab {
    /// Whether everything is tiny.
    pub short: bool,
    /// A checkout of MeltanoLabs' tap-gitlab, which is on no registry.
    pub tap_gitlab: Option<PathBuf>,
    /// The pace of a warehouse that is slowed down.
    pub pace: Pace,
    /// Where the requests to it are written, if anywhere.
    pub trace: Option<PathBuf>,
    folder: PathBuf,
}

impl Lab {
    /// Makes the folder.
    ///
    /// # Errors
    /// If that fails.
    pub fn new(options: &Options) -> Result<Self, Failed> {
        let folder = root().join(".local").join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let usual = if options.short { Pace::NONE } else { Pace::BIGQUERY };
        Ok(Self {
            short: options.short,
            tap_gitlab: options.tap_gitlab.clone(),
            pace: options.pace.unwrap_or(usual),
            trace: options.trace.clone(),
            folder,
        })
    }

    /// The first in the long form, the second in the short one.
    pub fn pick<T>(&self, long: T, short: T) -> T {
        if self.short { short } else { long }
    }

    /// A place for a file or a folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The log of a program; it stays when the folder goes.
    pub fn log(&self, name: &str) -> PathBuf {
        root().join(".local/logs").join(format!("bench-{name}.log"))
    }

    /// A simulated GitLab without a rate limit.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn gitlab(&self, projects: usize, merge_requests: usize) -> Result<Gitlab, Failed> {
        let (projects, merge_requests) = (projects.to_string(), merge_requests.to_string());
        let arguments = [
            "--projects",
            &projects,
            "--merge-requests",
            &merge_requests,
            "--rate-limit",
            "0",
        ];
        Gitlab::start(&arguments, &self.log("gitlab-sim"))
    }

    /// The local warehouse, empty.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn warehouse(&self, name: &str) -> Result<Warehouse, Failed> {
        let mut warehouse = Warehouse::start(&self.path(name), &self.log("warehouse"))?;
        warehouse.wait()?;
        Ok(warehouse)
    }

    /// A connector for all of a GitLab; `more` variables come on top.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn connector(
        &self,
        gitlab: &Gitlab,
        warehouse: (&str, &str),
        more: &[(&str, &str)],
    ) -> Result<Connector, Failed> {
        let mut variables = vec![
            ("GITLAB_BASE_URL", gitlab.url.as_str()),
            ("GITLAB_TOKEN", GITLAB_TOKEN),
            ("GITLAB_GROUPS", GROUP),
            ("BQ_DATASET_RAW", RAW),
        ];
        variables.extend(more);
        Connector::start_at(warehouse, &variables, &self.log("gitlab-connector"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Sets how long the simulated GitLab waits before each answer.
///
/// # Errors
/// If it does not answer.
pub fn latency(gitlab: &Gitlab, milliseconds: u64) -> Result<(), Failed> {
    gitlab.faults(&json!({"latency_ms": milliseconds}))
}

/// A sync that must go well; its answer.
///
/// # Errors
/// If it does not.
pub fn sync(connector: &Connector) -> Result<Value, Failed> {
    match connector.sync()? {
        (200, answer) if answer["status"] == "success" => Ok(answer),
        (status, answer) => Err(format!("a sync ends with {status}: {answer}")),
    }
}

/// Rows that a sync wrote, of all tables.
pub fn written(answer: &Value) -> u64 {
    let streams = answer["streams"].as_array().into_iter().flatten();
    streams.filter_map(|stream| stream["written"].as_u64()).sum()
}

/// Rows of a table that a sync wrote.
pub fn written_to(answer: &Value, table: &str) -> u64 {
    let mut streams = answer["streams"].as_array().into_iter().flatten();
    let stream = streams.find(|stream| stream["stream"] == table);
    stream.and_then(|stream| stream["written"].as_u64()).unwrap_or_default()
}

/// Requests that the simulated GitLab has answered since its statistics began.
///
/// # Errors
/// If it does not answer, or had to refuse any.
pub fn requests(gitlab: &Gitlab) -> Result<u64, Failed> {
    let stats = gitlab.stats()?;
    Ok(stats["requests"]["total"].as_u64().unwrap_or_default())
}

/// The middle one of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The number below which so many per cent of some numbers lie.
pub fn percentile(mut numbers: Vec<f64>, per_cent: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let place = (numbers.len() as f64 * per_cent / 100.0).ceil() as usize;
    numbers.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_thirty_numbers_the_95th_percentile_is_the_last_but_one() {
        let numbers: Vec<f64> = (1..=30).rev().map(f64::from).collect();
        assert_eq!(percentile(numbers.clone(), 95.0), 29.0);
        assert_eq!(percentile(numbers.clone(), 50.0), 15.0);
        assert_eq!(median(numbers), 16.0);
    }
}
