//! What a resident process tells: events on standard output, and dbt's log on standard error. `python/worker.py` has the
//! other end.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::mpsc::UnboundedSender;

use crate::dbt::log::{Log, LogLine, read_lines};

#[derive(Debug)]
pub(super) enum WorkerMessage {
    Event(WorkerEvent),
    EndOfLog(String),
    /// Standard output was closed: the process has ended. (Standard error may stay open, held by
    /// something that a run left behind.)
    Closed,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum WorkerEvent {
    Ready(WorkerReady),
    Finished {
        id: String,
        exit_code: Option<i32>,
        signal: Option<String>,
    },
}

/// What it says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct WorkerReady {
    /// dbt's version.
    pub(super) dbt: String,
    /// Whether the project could be parsed.
    pub(super) parsed: bool,
    /// Its threads; more than one is normal after a full parse.
    pub(super) threads: u32,
    /// Why runs will be slower than usual.
    pub(super) slower: Vec<String>,
}

/// Reads its standard output.
pub(super) async fn read_events(stdout: impl AsyncRead + Unpin, sender: UnboundedSender<WorkerMessage>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(event) => {
                let _ = sender.send(WorkerMessage::Event(event));
            }
            Err(e) => tracing::warn!("the dbt worker sent what is no event: {e}"),
        }
    }
    let _ = sender.send(WorkerMessage::Closed);
}

/// Reads its standard error.
pub(super) async fn read_log(
    stderr: impl AsyncRead + Unpin,
    log: Arc<Mutex<Log>>,
    sender: UnboundedSender<WorkerMessage>,
) {
    read_lines(BufReader::new(stderr), |line| match line {
        LogLine::End { id } => {
            let _ = sender.send(WorkerMessage::EndOfLog(id));
        }
        line => log.lock().unwrap_or_else(PoisonError::into_inner).add(line),
    })
    .await;
}
