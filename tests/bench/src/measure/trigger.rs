//! `dbt-trigger`: what a request costs that only authenticates, and its worker against dbt's command line, in turns on
//! one warehouse, so that both meet the same machine.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use local_stack::{Failed, PROJECT, Trigger, TriggerOptions, Warehouse, http, root, venv_python};
use serde_json::{Value, json};

use crate::lab::{Lab, RAW, median, percentile, sync};
use crate::load;
use crate::page::{Bar, Chart, Page, Table, number, seconds, thousands, times};

const TOKEN: &str = "bench-trigger-40c1";
const MODEL: &str = "int_merge_request_times";
const MODELLED: &str = "bench_marts";
const CONNECTIONS: usize = 200;

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let warehouse = lab.warehouse("trigger")?;
    {
        let gitlab = lab.gitlab(5, lab.pick(250, 60))?;
        sync(&lab.connector(&gitlab, (&warehouse.rest, &warehouse.storage), &[])?)?;
    }
    let begun = Instant::now();
    let trigger = Trigger::start(
        &warehouse,
        &TriggerOptions {
            project: root().join("models"),
            datasets: (RAW, MODELLED),
            state: lab.path("dbt"),
            streams: "",
            token: TOKEN,
            unit_tests: false,
            reports: false,
        },
        &lab.log("dbt-trigger"),
    )?;
    let runs = runs(lab, &warehouse, &trigger, begun)?;
    let requests = requests(lab, &trigger)?;
    let callers = lab.pick(1_000, 50);
    Ok(json!({
        "connections": CONNECTIONS, "requests": requests, "runs": runs, "burst": burst(&trigger, callers)?,
    }))
}

/// Requests that start nothing, over many connections.
fn requests(lab: &Lab, trigger: &Trigger) -> Result<Value, Failed> {
    let address: SocketAddr = trigger
        .url
        .trim_start_matches("http://")
        .parse()
        .map_err(|e| format!("{}: {e}", trigger.url))?;
    let duration = Duration::from_secs(lab.pick(5, 1));
    let body = "{\"action\": \"nonsense\"}";
    let order = |token: &str| {
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut entries = Vec::new();
    for (name, request, expected) in [
        (
            "no token needed: GET /healthz",
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            [200, 200],
        ),
        ("right token, an order that is refused (400)", order(TOKEN), [400, 400]),
        (
            "wrong token (401, and 429 beyond 100 that wait)",
            order("wrong"),
            [401, 429],
        ),
    ] {
        let load = load::run(address, &request, CONNECTIONS, duration)?;
        if let Some((other, _)) = load.statuses.iter().find(|(status, _)| !expected.contains(status)) {
            return Err(format!("{name}: answered with {other}"));
        }
        let latency = |per_cent| percentile(load.latencies.clone(), per_cent);
        entries.push(json!({
            "name": name, "per_second": load.per_second, "p50_s": latency(50.0), "p99_s": latency(99.0),
            "answers": load.latencies.len(),
        }));
    }
    Ok(Value::Array(entries))
}

/// Runs of dbt by the worker and by the command line, in turns.
fn runs(lab: &Lab, warehouse: &Warehouse, trigger: &Trigger, begun: Instant) -> Result<Value, Failed> {
    // The short form leaves out nearly all of the project.
    let (all, all_by_hand): (Value, &[&str]) = lab.pick(
        (json!({"source": "bench"}), &[]),
        (
            json!({"source": "bench", "select": format!("+{MODEL}"), "exclude": "resource_type:test"}),
            &[
                "--select",
                "+int_merge_request_times",
                "--exclude",
                "resource_type:test",
            ],
        ),
    );
    let one = json!({"source": "bench", "select": MODEL, "exclude": "resource_type:test"});
    let one_by_hand = ["--select", MODEL, "--exclude", "resource_type:test"];
    // Cold: a process that has just been started builds everything for the first time, as the command line does.
    let cold_worker = {
        by_worker(trigger, &all)?;
        begun.elapsed().as_secs_f64()
    };
    let cold_command_line = by_command_line(lab, warehouse, all_by_hand)?;
    let mut entries = vec![json!({
        "name": "everything, from a cold start", "worker_s": cold_worker, "command_line_s": cold_command_line, "times": 1,
    })];
    let rounds = lab.pick(5, 1);
    let orders: &[(&str, &Value, &[&str])] = &[
        ("one model, warm", &one, &one_by_hand),
        ("everything, warm", &all, all_by_hand),
    ];
    for (name, order, arguments) in &orders[..lab.pick(2, 1)] {
        let (mut worker, mut command_line) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            worker.push(by_worker(trigger, order)?);
            command_line.push(by_command_line(lab, warehouse, arguments)?);
        }
        entries.push(json!({
            "name": name, "worker_s": median(worker), "command_line_s": median(command_line), "times": rounds,
        }));
    }
    Ok(Value::Array(entries))
}

/// Many callers at once: how many runs they cause, and whether all are answered.
fn burst(trigger: &Trigger, callers: usize) -> Result<Value, Failed> {
    let order = json!({"source": "bench", "select": MODEL, "exclude": "resource_type:test"});
    let begun = Instant::now();
    let answers: Vec<Result<http::Answer, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                let thread = std::thread::Builder::new().stack_size(512 * 1024);
                thread.spawn_scoped(scope, || http::post(&trigger.url, Some(TOKEN), &order))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(answer)) => answer,
                _ => Err("a caller could not be started".into()),
            })
            .collect()
    });
    let took = begun.elapsed().as_secs_f64();
    let good = answers.iter().flatten().filter(|(status, _)| *status == 200);
    let mut runs: Vec<String> = good.map(|(_, answer)| answer["run_id"].to_string()).collect();
    if runs.len() < callers {
        let other = answers.iter().find(|answer| !matches!(answer, Ok((200, _))));
        return Err(format!(
            "not all of {callers} callers were answered, for example: {other:?}"
        ));
    }
    runs.sort_unstable();
    runs.dedup();
    Ok(json!({"callers": callers, "runs": runs.len(), "wall_s": took}))
}

fn by_worker(trigger: &Trigger, order: &Value) -> Result<f64, Failed> {
    let begun = Instant::now();
    match http::post(&trigger.url, Some(TOKEN), order)? {
        (200, _) => Ok(begun.elapsed().as_secs_f64()),
        (status, answer) => Err(format!("dbt-trigger answers {status}: {answer}")),
    }
}

fn by_command_line(lab: &Lab, warehouse: &Warehouse, arguments: &[&str]) -> Result<f64, Failed> {
    let models = root().join("models");
    let mut command = Command::new(venv_python("dbt"));
    command
        .args(["-m", "dbt.cli.main", "build", "--project-dir"])
        .arg(&models)
        .arg("--profiles-dir")
        .arg(&models)
        .arg("--target-path")
        .arg(lab.path("command-line"))
        .args(arguments)
        .env("BIGQUERY_EMULATOR_HOST", &warehouse.rest)
        .env("PROJECT_ID", PROJECT)
        .env("BQ_DATASET_RAW", RAW)
        .env("BQ_DATASET_MODELED", MODELLED)
        .env("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test")
        .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        .env("DBT_LOG_PATH", lab.path("logs"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().map_err(|e| format!("dbt can't be started: {e}"))?;
    match status.success() {
        true => Ok(begun.elapsed().as_secs_f64()),
        false => Err(format!("dbt's command line ends with {status}")),
    }
}

pub fn page(figures: &Value) -> Page {
    let of = |entry: &Value, name: &str| entry[name].as_f64().unwrap_or_default();
    let requests = figures["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let runs = figures["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |entry: &Value| entry["name"].as_str().unwrap_or_default().to_owned();
    let burst = &figures["burst"];
    let request_rows = requests.iter().map(|entry| {
        vec![
            name(entry),
            thousands(of(entry, "per_second")),
            seconds(of(entry, "p50_s")),
            seconds(of(entry, "p99_s")),
        ]
    });
    let run_rows = runs.iter().map(|entry| {
        vec![
            name(entry),
            seconds(of(entry, "worker_s")),
            seconds(of(entry, "command_line_s")),
            times(of(entry, "command_line_s"), of(entry, "worker_s")),
        ]
    });
    let bars = runs.iter().flat_map(|entry| {
        [
            ("dbt-trigger", "worker_s", true),
            ("command line", "command_line_s", false),
        ]
        .map(|(who, value, ours)| Bar {
            label: format!("{}: {who}", name(entry)),
            value: of(entry, value),
            ours,
        })
    });
    let mut summary = Vec::new();
    if let Some(right) = requests.get(1) {
        summary.push([
            format!(
                "requests that only authenticate, {} connections",
                figures["connections"]
            ),
            format!(
                "{} a second, p99 {}",
                thousands(of(right, "per_second")),
                seconds(of(right, "p99_s"))
            ),
            "—".into(),
        ]);
    }
    if let Some(one) = runs.get(1) {
        summary.push([
            "dbt run of one model, warm".into(),
            seconds(of(one, "worker_s")),
            format!(
                "command line {} ({})",
                seconds(of(one, "command_line_s")),
                times(of(one, "command_line_s"), of(one, "worker_s"))
            ),
        ]);
    }
    Page {
        intro: format!(
            "Requests over {} connections from the same machine, which the client shares. Runs of dbt on the local warehouse, by \
             dbt-trigger's worker and by dbt's command line in turns, without unit tests; medians. Building everything is mostly the \
             warehouse's own work, for which both wait.",
            figures["connections"]
        ),
        tables: vec![
            Table {
                title: "Requests that start nothing".into(),
                columns: vec!["", "answers/s", "p50", "p99"],
                rows: request_rows.collect(),
            },
            Table {
                title: "Runs of dbt".into(),
                columns: vec!["", "dbt-trigger", "command line", "times"],
                rows: run_rows.collect(),
            },
        ],
        charts: vec![Chart {
            file: "dbt-runs".into(),
            title: "Runs of dbt".into(),
            unit: "s",
            logarithmic: false,
            bars: bars.collect(),
        }],
        notes: vec![
            format!(
                "{} callers at once are all answered, by {} runs, in {}.",
                burst["callers"],
                burst["runs"],
                seconds(of(burst, "wall_s"))
            ),
            format!(
                "Failed attempts are slowed on purpose: the p99 of {} is that wait.",
                requests
                    .get(2)
                    .map_or_else(String::new, |entry| number(of(entry, "p99_s")) + " s")
            ),
        ],
        summary,
    }
}
