//! Jobs at BigQuery of a run that is ended. The emulator's jobs end before they can be cancelled, so between dbt and it
//! stands a BigQuery whose one job goes on until somebody cancels it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use black_box::{TRIGGER_TOKEN, warehouse};
use local_stack::http;
use serde_json::{Value, json};

use super::{Small, eventually};

/// Stands in the SQL of jobs that do not end.
const ENDLESS: &str = "goes on for ever";

/// Passes requests on to the emulator, but for those about endless jobs.
struct BigQuery {
    address: String,
    jobs: Jobs,
}

/// Endless jobs by their ids, and whether each was cancelled.
type Jobs = Arc<Mutex<BTreeMap<String, Job>>>;

#[derive(Clone)]
struct Job {
    inserted: Value,
    is_cancelled: bool,
}

struct Request {
    method: String,
    path: String,
    /// As it came.
    head: String,
    body: Vec<u8>,
}

impl BigQuery {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let jobs = Jobs::default();
        let known = jobs.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let known = known.clone();
                std::thread::spawn(move || serve(stream, &known));
            }
        });
        Self { address, jobs }
    }

    fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().expect("a lock").values().cloned().collect()
    }
}

/// Answers one request; the client is told to come again by another connection.
fn serve(mut stream: TcpStream, jobs: &Jobs) {
    let Some(request) = read(&stream) else { return };
    let answer = match about_endless(&request, jobs) {
        Some(body) => format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.to_string().len()
        )
        .into_bytes(),
        None => pass_on(&request),
    };
    let _ = stream.write_all(&answer);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let name = line.to_ascii_lowercase();
        if let Some(value) = name.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if !name.starts_with("connection:") {
            head += &line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut first = head.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    Some(Request {
        method,
        path,
        head,
        body,
    })
}

fn pass_on(request: &Request) -> Vec<u8> {
    let rest = warehouse().rest.trim_start_matches("http://").trim_end_matches('/');
    let mut emulator = TcpStream::connect(rest).expect("the emulator");
    let head = format!("{}Connection: close\r\n\r\n", request.head);
    emulator.write_all(head.as_bytes()).expect("sent");
    emulator.write_all(&request.body).expect("sent");
    let mut answer = Vec::new();
    let _ = emulator.read_to_end(&mut answer);
    answer
}

/// The answer about an endless job; `None` if the request is about something else.
fn about_endless(request: &Request, jobs: &Jobs) -> Option<Value> {
    let path = request.path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let mut jobs = jobs.lock().expect("a lock");
    match (request.method.as_str(), &parts[parts.len().saturating_sub(3)..]) {
        ("POST", [.., "jobs"]) if String::from_utf8_lossy(&request.body).contains(ENDLESS) => {
            let inserted: Value = serde_json::from_slice(&request.body).expect("a job");
            let id = inserted["jobReference"]["jobId"].as_str().expect("an id").to_owned();
            let job = Job {
                inserted,
                is_cancelled: false,
            };
            let told = job.told();
            jobs.insert(id, job);
            Some(told)
        }
        ("POST", ["jobs", id, "cancel"]) => {
            let job = jobs.get_mut(*id)?;
            job.is_cancelled = true;
            Some(json!({"kind": "bigquery#jobCancelResponse", "job": job.told()}))
        }
        ("GET", [_, "jobs", id]) => jobs.get(*id).map(Job::told),
        ("GET", [_, "queries", id]) => {
            let job = jobs.get(*id)?.clone();
            drop(jobs);
            // BigQuery itself waits before it says so.
            std::thread::sleep(Duration::from_millis(200));
            let told = job.told();
            Some(
                json!({"kind": "bigquery#getQueryResultsResponse", "jobReference": told["jobReference"], "jobComplete": job.is_cancelled}),
            )
        }
        _ => None,
    }
}

impl Job {
    fn told(&self) -> Value {
        let mut told = self.inserted.clone();
        told["kind"] = json!("bigquery#job");
        told["jobReference"]["location"] = json!("US");
        told["statistics"] = json!({"creationTime": "1767225600000", "startTime": "1767225600000"});
        told["status"] = match self.is_cancelled {
            false => json!({"state": "RUNNING"}),
            true => {
                json!({"state": "DONE", "errorResult": {"reason": "stopped", "message": "Job execution was cancelled"}})
            }
        };
        told
    }
}

#[test]
#[ignore = "slow (two functions load dbt): scripts/test --slow; a cancelled run of real dbt is in `trigger::quick`, without jobs"]
fn a_cancelled_run_cancels_its_jobs_at_bigquery() {
    let small = Small::new("jobs");
    small.write(
        "models/endless.sql",
        &format!("{{{{ config(materialized='table') }}}}\nselect '{ENDLESS}' as n\n"),
    );
    for (number, kind) in [(1, "worker"), (2, "cli")] {
        let bigquery = BigQuery::start();
        let function = small.start(
            number,
            &[("DBT_RUNNER", kind), ("BIGQUERY_EMULATOR_HOST", &bigquery.address)],
        );
        let run = function.begin(&json!({"select": "endless"}));
        eventually("the job runs", || (!bigquery.jobs().is_empty()).then_some(()));
        std::thread::sleep(Duration::from_secs(1));
        assert!(bigquery.jobs().iter().all(|job| !job.is_cancelled), "{kind}");
        let url = format!("{}/runs/{run}/cancel", function.url);
        let (status, answer) = http::post(&url, Some(TRIGGER_TOKEN), &json!({})).expect("an answer");
        assert_eq!(status, 202, "{answer:#}");
        function.wait_for(&run, &["cancelled"]);
        let jobs = bigquery.jobs();
        assert_eq!(jobs.len(), 1, "{kind}");
        assert!(jobs[0].is_cancelled, "{kind}: the job goes on");
    }
}
