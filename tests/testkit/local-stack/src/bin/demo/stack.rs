//! The four processes of the demo.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use local_stack::{Connector, Failed, GITLAB_TOKEN, Gitlab, Trigger, TriggerOptions, Warehouse, http, new_token, root};
use serde_json::Value;

use crate::options::Options;
use crate::screen::Screen;

/// Everything that runs. Dropping it ends it, callers before those they call.
pub struct Stack {
    pub connector: Connector,
    pub trigger: Trigger,
    pub gitlab: Option<Gitlab>,
    pub warehouse: Warehouse,
    remembered: PathBuf,
}

impl Stack {
    /// Starts it all and waits until each part answers.
    pub fn start(options: &Options, screen: &Screen) -> Result<Self, Failed> {
        let local = root().join(".local");
        let remembered = local.join("demo.env");
        refuse_a_second(&remembered)?;
        let log = |name: &str| local.join("logs").join(format!("{name}.log"));
        // The warehouse takes longest: it starts while the others do.
        let mut warehouse = Warehouse::start(&options.data(), &log("warehouse"))?;
        let (connector_token, trigger_token) = (new_token()?, new_token()?);
        let trigger_options = TriggerOptions {
            project: root().join("models"),
            datasets: ("mergemind_raw", "mergemind"),
            state: local.join("dbt"),
            streams: &options.streams,
            token: &trigger_token,
            unit_tests: false,
            reports: false,
        };
        let trigger = Trigger::start(&warehouse, &trigger_options, &log("dbt-trigger"))?;
        screen.done("dbt-trigger", &trigger.url);
        let gitlab = match &options.own {
            Some(_) => None,
            None => {
                let journal = local.join("gitlab-sim/journal.jsonl");
                let gitlab = Gitlab::start(&["--journal", &journal.to_string_lossy()], &log("gitlab-sim"))?;
                screen.done("simulated GitLab", &gitlab.url);
                Some(gitlab)
            }
        };
        let mut variables: Vec<(&str, &str)> = vec![
            ("DBT_TRIGGER_URL", &trigger.url),
            ("DBT_TRIGGER_AUTH_TOKEN", &trigger_token),
            ("AUTH_TOKEN", &connector_token),
            ("STREAMS", &options.streams),
        ];
        match (&options.own, &gitlab) {
            (Some(own), _) => variables.extend(own.variables.iter().map(|(name, value)| (*name, value.as_str()))),
            (None, Some(gitlab)) => variables.extend([
                ("GITLAB_BASE_URL", gitlab.url.as_str()),
                ("GITLAB_TOKEN", GITLAB_TOKEN),
                ("GITLAB_GROUPS", "acme"),
            ]),
            (None, None) => {}
        }
        let connector = Connector::start(&warehouse, &variables, &log("gitlab-connector"))?;
        screen.done("gitlab-connector", &connector.url);
        screen.during("the warehouse (BigQuery emulator)", String::new, || warehouse.wait())?;
        let addresses = format!(
            "BIGQUERY_EMULATOR_HOST={}\nBIGQUERY_STORAGE_EMULATOR_HOST={}\nCONNECTOR_TOKEN={connector_token}\nTRIGGER_TOKEN={trigger_token}\n",
            warehouse.rest, warehouse.storage
        );
        remember(&remembered, &addresses).map_err(|e| format!("{}: {e}", remembered.display()))?;
        Ok(Self {
            connector,
            trigger,
            gitlab,
            warehouse,
            remembered,
        })
    }

    /// One sync with dbt; an error unless both went well.
    pub fn sync(&self, screen: &Screen) -> Result<Value, Failed> {
        let requests = || {
            let stats = self.gitlab.as_ref().and_then(|gitlab| gitlab.stats().ok());
            let total = stats.and_then(|stats| stats["requests"]["total"].as_u64());
            total
                .map(|total| format!("{total} requests to GitLab so far"))
                .unwrap_or_default()
        };
        let (status, answer) =
            screen.during("POST / to gitlab-connector, as Cloud Scheduler would", requests, || {
                self.connector.sync()
            })?;
        if status == 200 {
            return Ok(answer);
        }
        let hint = answer["hint"].as_str().unwrap_or_default();
        let message = answer["message"].as_str().unwrap_or("no message");
        Err(format!(
            "the sync failed with HTTP {status}: {message}\n  {hint}\nThe connector's log ends:\n{}",
            self.connector.process.log_tail()
        ))
    }

    /// Where everything is.
    pub fn describe(&self, screen: &Screen) {
        screen.heading("Running");
        screen.done("gitlab-connector", &self.connector.url);
        screen.done("dbt-trigger", &self.trigger.url);
        if let Some(gitlab) = &self.gitlab {
            screen.done("simulated GitLab", &gitlab.url);
        }
        screen.done("warehouse", &self.warehouse.rest);
        screen.line(
            "Both functions want a token: CONNECTOR_TOKEN and TRIGGER_TOKEN in .local/demo.env, made for this run. So:",
        );
        screen.line(&format!(
            ". .local/demo.env; curl -X POST -H \"Authorization: Bearer $CONNECTOR_TOKEN\" {}",
            self.connector.url
        ));
    }
}

/// Writes a file that only its owner may read: it holds tokens.
fn remember(file: &Path, text: &str) -> std::io::Result<()> {
    // An older one may be open to others.
    match fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

/// Two demos would share data folders. A file left behind by a demo that was killed does not count.
fn refuse_a_second(remembered: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(remembered).unwrap_or_default();
    let address = text
        .lines()
        .find_map(|line| line.strip_prefix("BIGQUERY_EMULATOR_HOST="));
    match address {
        Some(address) if http::get(&format!("{address}/healthz")).is_ok() => Err(format!(
            "a demo is running already, with its warehouse at {address}; end it first, or ask it: scripts/query 'SELECT …'"
        )),
        _ => Ok(()),
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.remembered);
    }
}
