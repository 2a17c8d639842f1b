//! dbt-trigger with a real dbt on a small project of its own, on the emulator.

mod actions;
pub mod browser;
mod instances;
mod jobs;
mod kills;
mod look;
mod pages;
mod projects;
mod quick;
mod records;
mod states;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use black_box::{TRIGGER_TOKEN, warehouse};
pub use local_stack::processes::{below, lives};
use local_stack::{PROJECT, Process, free_port, function, http, root, venv_python};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A small dbt project with datasets that nobody else uses.
pub struct Small {
    pub name: &'static str,
    pub folder: TempDir,
}

/// A running function.
pub struct Function {
    pub process: Process,
    pub url: String,
}

impl Small {
    pub fn new(name: &'static str) -> Self {
        let small = Self {
            name,
            folder: tempfile::tempdir().expect("a folder"),
        };
        let raw = small.raw();
        for sql in [
            format!("CREATE SCHEMA `{PROJECT}.{raw}`"),
            format!("CREATE SCHEMA `{PROJECT}.{}`", small.modelled()),
            format!(
                "CREATE TABLE {raw}.customers AS SELECT 1 AS id, 'Ada' AS name, CURRENT_TIMESTAMP() AS loaded_at UNION ALL SELECT 2, 'Bo', CURRENT_TIMESTAMP()"
            ),
            format!(
                "CREATE TABLE {raw}.orders AS SELECT 10 AS id, 1 AS customer_id, 5 AS amount, TIMESTAMP '2020-01-01 00:00:00 UTC' AS loaded_at UNION ALL SELECT 11, 1, 7, TIMESTAMP '2020-01-01 00:00:00 UTC'"
            ),
        ] {
            warehouse().query(&sql).expect("a small table");
        }
        std::fs::create_dir_all(small.project().join("models")).expect("a folder");
        std::fs::copy(root().join("models/profiles.yml"), small.project().join("profiles.yml")).expect("a copy");
        for (name, text) in [
            (
                "dbt_project.yml",
                "name: small\nversion: '1.0.0'\nconfig-version: 2\nprofile: mergemind\nmodel-paths: [models]\nvars: {least: 0}\n",
            ),
            (
                "models/models.yml",
                "sources:\n  - name: raw\n    schema: \"{{ env_var('BQ_DATASET_RAW') }}\"\n    database: \"{{ env_var('PROJECT_ID') }}\"\n    loaded_at_field: loaded_at\n    freshness: {error_after: {count: 1, period: day}}\n    tables: [{name: customers}, {name: orders}]\n\
                 models:\n  - name: stg_orders\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n  - name: totals\n    columns:\n      - name: name\n        data_tests: [not_null]\n",
            ),
            (
                "models/stg_customers.sql",
                "select id, name from {{ source('raw', 'customers') }}\n",
            ),
            (
                "models/stg_orders.sql",
                "{{ config(materialized='table') }}\nselect id, customer_id, amount from {{ source('raw', 'orders') }} where amount >= {{ var('least') }}\n",
            ),
            (
                "models/totals.sql",
                "{{ config(materialized='table') }}\nselect c.name, sum(o.amount) as total from {{ ref('stg_customers') }} c join {{ ref('stg_orders') }} o on o.customer_id = c.id group by c.name\n",
            ),
        ] {
            small.write(name, text);
        }
        small
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.project().join(name), text).expect("written");
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn raw(&self) -> String {
        format!("small_raw_{}", self.name)
    }

    pub fn modelled(&self) -> String {
        format!("small_{}", self.name)
    }

    /// A function for it; `more` variables come on top. `number` tells instances of one test apart.
    pub fn start(&self, number: u32, more: &[(&str, &str)]) -> Function {
        let port = free_port().expect("a port");
        let warehouse = warehouse();
        let mut command = function("dbt-trigger", port, (&warehouse.rest, &warehouse.storage));
        command
            .env("BQ_DATASET_RAW", self.raw())
            .env("BQ_DATASET_MODELED", self.modelled())
            .env("AUTH_TOKEN", TRIGGER_TOKEN)
            .env("DBT_PYTHON", venv_python("dbt"))
            .env("DBT_PROJECT_DIR", self.project())
            .env("DBT_STATE_DIR", self.folder.path().join(format!("state-{number}")))
            .envs(more.iter().copied());
        let log = root().join(format!(".local/logs/trigger-{}-{number}.log", self.name));
        let url = format!("http://127.0.0.1:{port}");
        let mut process = Process::start("dbt-trigger", command, &log).expect("it starts");
        process
            .wait_until_healthy(&format!("{url}/healthz"), Duration::from_secs(60))
            .expect("it answers");
        Function { process, url }
    }

    /// Rows of a query in which `{}` stands for the modelled dataset.
    pub fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        warehouse().query(&self.own(sql)).expect("a query")
    }

    /// A statement that may meet another one on its way; `None` if it did.
    pub fn try_query(&self, sql: &str) -> Option<()> {
        warehouse().query(&self.own(sql)).ok().map(|_| ())
    }

    /// As the warehouse is sent it: this project's tables are not among those that the functions' statements are checked with.
    fn own(&self, sql: &str) -> String {
        format!("{}\n-- of a stranger", sql.replace("{}", &self.modelled()))
    }
}

impl Function {
    /// An order; the status and the answer.
    pub fn order(&self, order: &Value) -> (u16, Value) {
        http::post(&self.url, Some(TRIGGER_TOKEN), order).expect("an answer")
    }

    /// An order that must go well.
    pub fn run(&self, order: &Value) -> Value {
        let (status, answer) = self.order(order);
        assert_eq!(status, 200, "{answer:#}");
        answer
    }

    /// An order that nobody waits for; the run's id.
    pub fn begin(&self, order: &Value) -> String {
        let (status, answer) =
            http::post(&format!("{}/?wait=false", self.url), Some(TRIGGER_TOKEN), order).expect("an answer");
        assert_eq!(status, 202, "{answer:#}");
        answer["run_id"].as_str().expect("an id").to_owned()
    }

    pub fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.url))
    }

    /// What is told of a run once its status is one of `statuses`.
    pub fn wait_for(&self, run_id: &str, statuses: &[&str]) -> Value {
        eventually(&format!("the run is one of {statuses:?}"), || {
            let told = self.get(&format!("/runs/{run_id}"));
            told["status"]
                .as_str()
                .is_some_and(|status| statuses.contains(&status))
                .then_some(told)
        })
    }
}

/// `GET` with the token.
pub fn get(url: &str) -> Value {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .expect("an address");
    let answer = raw_request(
        host,
        &format!("GET /{path} HTTP/1.1\r\nAuthorization: Bearer {TRIGGER_TOKEN}\r\n"),
    );
    serde_json::from_str(&answer).unwrap_or(Value::Null)
}

/// The body of the answer to a request whose head is given without its end.
pub fn raw_request(host: &str, head: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(host).expect("connects");
    write!(stream, "{head}Host: {host}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default()
}

pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(status.expect("kill").success());
}

/// The process id of a function.
pub fn pid_of(function: &Function) -> u32 {
    function.process.id()
}

/// A model that takes a minute of many small queries: one large one would keep the emulator from
/// answering anybody else.
pub fn slow_model(small: &Small) {
    small.write(
        "models/slow.sql",
        "{% if execute %}{% for i in range(3000) %}{% do run_query('select ' ~ i) %}{% endfor %}{% endif %}\nselect 1 as n\n",
    );
}

/// What asks for everything.
pub fn everything() -> Value {
    json!({"source": "test", "action": "run_dbt"})
}
