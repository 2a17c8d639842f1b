//! The local warehouse: a BigQuery emulator, asked by BigQuery's REST API.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Failed, Process, free_port};
use crate::{http, paths};

/// The Google Cloud project that the local warehouse plays.
pub const PROJECT: &str = "mergemind-local";

/// A query's result: each row's values as BigQuery prints them, `None` for NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// A running warehouse.
#[derive(Debug)]
pub struct Warehouse {
    /// Its process.
    pub process: Process,
    /// Its REST address.
    pub rest: String,
    /// Its gRPC address.
    pub storage: String,
}

impl Warehouse {
    /// Starts it on free ports, with its data in `data`; does not wait.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(data: &Path, log: &Path) -> Result<Self, Failed> {
        Self::start_on((free_port()?, free_port()?), data, log)
    }

    /// Starts it on these two ports, REST and gRPC: again where an earlier one was.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start_on((rest, storage): (u16, u16), data: &Path, log: &Path) -> Result<Self, Failed> {
        let mut command = Command::new(paths::venv_python("emulator"));
        command
            .arg(paths::root().join("scripts/emulator/launcher.py"))
            .args(["--rest-port", &rest.to_string(), "--grpc-port", &storage.to_string()])
            .arg("--data-dir")
            .arg(data)
            .arg("--until-stdin-closes");
        Ok(Self {
            process: Process::start("the warehouse", command, log)?,
            rest: format!("http://127.0.0.1:{rest}"),
            storage: format!("http://127.0.0.1:{storage}"),
        })
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// If it does not, or ends.
    pub fn wait(&mut self) -> Result<(), Failed> {
        let url = format!("{}/healthz", self.rest);
        self.process.wait_until_healthy(&url, Duration::from_secs(90))
    }

    /// Runs a query.
    ///
    /// # Errors
    /// If the statement is refused.
    pub fn query(&self, sql: &str) -> Result<Rows, Failed> {
        let rows = self.cells(sql)?;
        Ok(rows.into_iter().map(|row| row.iter().map(text).collect()).collect())
    }

    /// Runs a query; cells as BigQuery's JSON has them, arrays included.
    ///
    /// # Errors
    /// If the statement is refused.
    pub fn cells(&self, sql: &str) -> Result<Vec<Vec<Value>>, Failed> {
        query(&self.rest, sql)
    }

    /// A query's single value, as a number.
    ///
    /// # Errors
    /// If the statement is refused, or its answer is no number.
    pub fn number(&self, sql: &str) -> Result<i64, Failed> {
        let rows = self.query(sql)?;
        let value = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        value
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| format!("no number from {sql}"))
    }
}

fn query(rest: &str, sql: &str) -> Result<Vec<Vec<Value>>, Failed> {
    let url = format!("{rest}/bigquery/v2/projects/{PROJECT}/queries");
    let body = json!({"query": sql, "useLegacySql": false, "timeoutMs": 300_000, "maxResults": 1_000_000});
    let (status, answer) = http::post(&url, None, &body)?;
    // The emulator answers a refused statement with 200 and a list of errors.
    let error = answer["errors"][0]["message"]
        .as_str()
        .or_else(|| answer["error"]["message"].as_str());
    if let Some(error) = error {
        return Err(format!("{error}\n  in: {sql}"));
    }
    if status != 200 {
        return Err(format!("HTTP {status} from the warehouse for: {sql}"));
    }
    if !answer["pageToken"].is_null() {
        return Err(format!("the result has more than one page; ask for less: {sql}"));
    }
    let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    let cells = |row: &Value| {
        row["f"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|cell| cell["v"].clone())
            .collect()
    };
    Ok(rows.iter().map(cells).collect())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
