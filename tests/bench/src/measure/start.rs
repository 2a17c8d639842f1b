//! From the start of a process to its first answer, and its memory then.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use local_stack::{Failed, free_port, function, root, venv_python};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::lab::{Lab, median};
use crate::page::{Bar, Chart, Page, Table, number, seconds, times};
use crate::usage;

const LONGEST: Duration = Duration::from_secs(60);

pub fn run(lab: &Lab) -> Result<Value, Failed> {
    let rounds = lab.pick(20, 3);
    let mut entries = vec![
        repeated("gitlab-connector", true, rounds, &|port| connector(port))?,
        repeated("dbt-trigger", true, rounds, &|port| trigger(lab, port))?,
    ];
    if !lab.short {
        let rounds = rounds / 2;
        for (name, file) in [
            ("functions-framework, bare handler", "function_bare.py"),
            ("functions-framework, with Google's clients", "function_clients.py"),
        ] {
            match repeated(name, false, rounds, &|port| framework(file, port)) {
                Ok(entry) => entries.push(entry),
                Err(problem) => entries.push(json!({"name": name, "ours": false, "missing": problem})),
            }
        }
    }
    Ok(json!({"entries": entries}))
}

/// The functions ask nobody before their first answer, so nobody needs to be at these addresses.
const NOBODY: (&str, &str) = ("http://127.0.0.1:9", "http://127.0.0.1:9");

fn connector(port: u16) -> Command {
    let mut command = function("gitlab-connector", port, NOBODY);
    command
        .env("GITLAB_TOKEN", local_stack::GITLAB_TOKEN)
        .env("GITLAB_GROUPS", "acme");
    command
}

fn trigger(lab: &Lab, port: u16) -> Command {
    let mut command = function("dbt-trigger", port, NOBODY);
    command
        .env("AUTH_TOKEN", "bench-start-1f6a")
        .env("DBT_PYTHON", venv_python("dbt"))
        .env("DBT_PROJECT_DIR", root().join("models"))
        .env("DBT_STATE_DIR", lab.path("dbt-of-start"));
    command
}

fn framework(file: &str, port: u16) -> Command {
    let program = venv_python("peer-functions").with_file_name("functions-framework");
    let mut command = Command::new(program);
    command
        .args(["--target", "handle", "--signature-type", "http", "--host", "127.0.0.1"])
        .args(["--port", &port.to_string(), "--source"])
        .arg(root().join("tests/bench/python").join(file))
        .env("GOOGLE_CLOUD_PROJECT", "nobody");
    command
}

fn repeated(name: &str, ours: bool, rounds: usize, command: &dyn Fn(u16) -> Command) -> Result<Value, Failed> {
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let port = free_port()?;
        let (time, mb) = once(command(port), port, ours).map_err(|problem| format!("{name}: {problem}"))?;
        times.push(time);
        memory.push(mb);
    }
    Ok(
        json!({"name": name, "ours": ours, "first_answer_s": median(times), "memory_mb": median(memory), "rounds": rounds}),
    )
}

fn once(mut command: Command, port: u16, ours: bool) -> Result<(f64, f64), Failed> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("can't be started: {e}"))?;
    let answered = wait_for_answer(&mut child, port, begun);
    let time = begun.elapsed().as_secs_f64();
    // dbt-trigger has dbt load beside it; a handler in Python would start dbt likewise, so only the server counts.
    let memory = if ours {
        usage::own_mb(child.id())
    } else {
        usage::family_mb(child.id())
    };
    end(&mut child);
    answered?;
    Ok((time, memory))
}

fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = child.wait();
}

fn wait_for_answer(child: &mut Child, port: u16, begun: Instant) -> Result<(), Failed> {
    loop {
        if answers(port) {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("ended while starting ({status})"));
        }
        if begun.elapsed() > LONGEST {
            return Err("did not answer".into());
        }
        std::thread::sleep(Duration::from_micros(300));
    }
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let sent = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut head = [0; 12];
    sent.is_ok() && stream.read_exact(&mut head).is_ok() && head.ends_with(b"200")
}

pub fn page(figures: &Value) -> Page {
    let entries = figures["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let measured: Vec<&Value> = entries.iter().filter(|entry| entry["missing"].is_null()).collect();
    let of = |entry: &Value, name: &str| entry[name].as_f64().unwrap_or_default();
    let slowest = measured.iter().find(|entry| entry["ours"] == true);
    let (time, memory) = slowest.map_or((0.0, 0.0), |entry| {
        (of(entry, "first_answer_s"), of(entry, "memory_mb"))
    });
    let rows = measured.iter().map(|entry| {
        vec![
            entry["name"].as_str().unwrap_or_default().to_owned(),
            seconds(of(entry, "first_answer_s")),
            times(of(entry, "first_answer_s"), time),
            format!("{} MB", number(of(entry, "memory_mb"))),
            times(of(entry, "memory_mb"), memory),
        ]
    });
    let told: Vec<String> = measured
        .iter()
        .map(|entry| {
            let name = entry["name"].as_str().unwrap_or_default();
            format!(
                "{name} {}, {} MB",
                seconds(of(entry, "first_answer_s")),
                number(of(entry, "memory_mb"))
            )
        })
        .collect();
    let ours = measured.iter().filter(|entry| entry["ours"] == true).count();
    Page {
        intro: "From the start of the process to its answer to `GET /`, medians. Memory is what is resident then, pages that \
                processes share counted once; of dbt-trigger without dbt, which its worker loads meanwhile."
            .into(),
        tables: vec![Table {
            title: String::new(),
            columns: vec!["", "first answer", "times the connector", "memory", "times the connector"],
            rows: rows.collect(),
        }],
        charts: vec![Chart {
            file: "start".into(),
            title: "From start to first answer".into(),
            unit: "ms",
            logarithmic: true,
            bars: measured
                .iter()
                .map(|entry| Bar {
                    label: entry["name"].as_str().unwrap_or_default().to_owned(),
                    value: of(entry, "first_answer_s") * 1000.0,
                    ours: entry["ours"] == true,
                })
                .collect(),
        }],
        notes: entries
            .iter()
            .filter_map(|entry| Some(format!("{}: {}.", entry["name"].as_str()?, entry["missing"].as_str()?)))
            .collect(),
        summary: vec![["start to first answer, memory".into(), told[..ours].join("; "), told[ours..].join("; ")]],
    }
}
