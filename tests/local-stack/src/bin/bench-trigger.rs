//! How long a run of one model and a full build take: asked of dbt-trigger over HTTP, and by dbt's own
//! command line, in turns on one warehouse, so that both meet the same machine.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use local_stack::{
    Connector, Failed, GITLAB_TOKEN, Gitlab, PROJECT, Trigger, TriggerOptions, Warehouse, http, root, venv_python,
};
use serde_json::{Value, json};

const HELP: &str = "usage: scripts/bench-trigger [--times N] [--callers N]
Times one model and a full build by dbt-trigger's worker and by dbt's command line, in turns, N times each
(default 3), prints medians and their ratios, and then has many callers (default 1000) ask at once.";
const TOKEN: &str = "bench-trigger-40c1";
const MODEL: &str = "int_merge_request_times";
const RAW: &str = "bench_raw";
const MODELLED: &str = "bench_marts";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut times, mut callers) = (3, 1_000);
    for pair in arguments.chunks(2) {
        match (pair[0].as_str(), pair.get(1).and_then(|number| number.parse().ok())) {
            ("--times", Some(number @ 1..)) => times = number,
            ("--callers", Some(number @ 1..)) => callers = number,
            _ => {
                println!("{HELP}");
                return if pair[0] == "--help" {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::from(2)
                };
            }
        }
    }
    match bench(times, callers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn bench(times: usize, callers: usize) -> Result<(), Failed> {
    let local = root().join(".local");
    let data = local.join(format!("bench-{}", std::process::id()));
    let measured = measure(&data, &local.join("logs"), times, callers);
    // A warehouse of its own, so that nothing of an earlier run is measured.
    let _ = std::fs::remove_dir_all(&data);
    measured
}

fn measure(data: &Path, logs: &Path, times: usize, callers: usize) -> Result<(), Failed> {
    std::fs::create_dir_all(data).map_err(|e| format!("{}: {e}", data.display()))?;
    let log = |name: &str| logs.join(format!("bench-{name}.log"));
    let mut warehouse = Warehouse::start(&data.join("warehouse"), &log("warehouse"))?;
    warehouse.wait()?;
    let gitlab = Gitlab::start(
        &["--projects", "5", "--merge-requests", "250", "--months", "6"],
        &log("gitlab-sim"),
    )?;
    let variables = [
        ("GITLAB_BASE_URL", gitlab.url.as_str()),
        ("GITLAB_TOKEN", GITLAB_TOKEN),
        ("GITLAB_GROUPS", "acme"),
        ("BQ_DATASET_RAW", RAW),
    ];
    let connector = Connector::start(&warehouse, &variables, &log("gitlab-connector"))?;
    if let (status @ 300.., answer) = connector.sync()? {
        return Err(format!("the sync fails with {status}: {answer}"));
    }
    drop(connector);
    let trigger = Trigger::start(
        &warehouse,
        &TriggerOptions {
            project: root().join("models"),
            datasets: (RAW, MODELLED),
            state: data.join("dbt"),
            token: TOKEN,
            unit_tests: false,
        },
        &log("dbt-trigger"),
    )?;
    let all = json!({"source": "bench"});
    let one = json!({"source": "bench", "select": MODEL, "exclude": "resource_type:test"});
    // The first run of each makes tables; what is measured builds them again.
    by_worker(&trigger, &all)?;
    by_command_line(&warehouse, data, &[])?;
    println!(
        "{:<12} {:>12} {:>14} {:>7}   (medians of {times}, in seconds)",
        "", "dbt-trigger", "command line", "ratio"
    );
    for (name, order, arguments) in [
        (
            "one model",
            &one,
            &["--select", MODEL, "--exclude", "resource_type:test"][..],
        ),
        ("full build", &all, &[]),
    ] {
        let (mut worker, mut command_line) = (Vec::new(), Vec::new());
        for _ in 0..times {
            worker.push(by_worker(&trigger, order)?);
            command_line.push(by_command_line(&warehouse, data, arguments)?);
        }
        let (worker, command_line) = (median(worker), median(command_line));
        println!(
            "{name:<12} {worker:>12.2} {command_line:>14.2} {:>6.1}x",
            command_line / worker
        );
    }
    burst(&trigger, callers, &one)
}

/// Many callers at once: how many runs they cause, and whether all are answered.
fn burst(trigger: &Trigger, callers: usize, order: &Value) -> Result<(), Failed> {
    let begun = Instant::now();
    let answers: Vec<Result<http::Answer, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|_| {
                let thread = std::thread::Builder::new().stack_size(512 * 1024);
                thread.spawn_scoped(scope, || http::post(&trigger.url, Some(TOKEN), order))
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
    let good: Vec<&Value> = answers
        .iter()
        .flatten()
        .filter(|(status, _)| *status == 200)
        .map(|(_, answer)| answer)
        .collect();
    let mut runs: Vec<String> = good.iter().map(|answer| answer["run_id"].to_string()).collect();
    runs.sort_unstable();
    runs.dedup();
    println!(
        "{callers} callers at once: {} answers, {} runs, {took:.1} s",
        good.len(),
        runs.len()
    );
    if good.len() < callers {
        let other = answers.iter().find(|answer| !matches!(answer, Ok((200, _))));
        return Err(format!("not all were answered, for example: {other:?}"));
    }
    Ok(())
}

fn by_worker(trigger: &Trigger, order: &Value) -> Result<f64, Failed> {
    let begun = Instant::now();
    match http::post(&trigger.url, Some(TOKEN), order)? {
        (200, _) => Ok(begun.elapsed().as_secs_f64()),
        (status, answer) => Err(format!("dbt-trigger answers {status}: {answer}")),
    }
}

fn by_command_line(warehouse: &Warehouse, data: &Path, arguments: &[&str]) -> Result<f64, Failed> {
    let models = root().join("models");
    let mut command = Command::new(venv_python("dbt"));
    command
        .args(["-m", "dbt.cli.main", "build", "--project-dir"])
        .arg(&models)
        .arg("--profiles-dir")
        .arg(&models)
        .arg("--target-path")
        .arg(data.join("command-line"))
        .args(arguments)
        .env("BIGQUERY_EMULATOR_HOST", &warehouse.rest)
        .env("PROJECT_ID", PROJECT)
        .env("BQ_DATASET_RAW", RAW)
        .env("BQ_DATASET_MODELED", MODELLED)
        .env("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test")
        .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        .env("DBT_LOG_PATH", data.join("logs"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().map_err(|e| format!("dbt can't be started: {e}"))?;
    match status.success() {
        true => Ok(begun.elapsed().as_secs_f64()),
        false => Err(format!("dbt's command line ends with {status}")),
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
