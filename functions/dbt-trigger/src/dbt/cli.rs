//! Runs dbt as its command line, anew for each command: slower, and nothing is kept between runs.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, kill_process_group};
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::time::timeout;

use super::command::{CommandResult, Exit, Invocation, LADDER, RunLimits, Signal};
use super::launch::Launch;
use super::log::{Log, read_lines};

/// How long the last lines of the log may take after dbt's end.
const LOG_TAIL: Duration = Duration::from_secs(1);

/// The command line.
#[derive(Debug)]
pub struct Cli {
    launch: Launch,
}

impl Cli {
    pub(super) fn new(launch: Launch) -> Self {
        Self { launch }
    }

    pub(super) async fn run(&self, invocation: &Invocation, limits: &RunLimits) -> CommandResult {
        let mut command = self.launch.dbt();
        command.args(&invocation.args).stdin(Stdio::null());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) => return ended(Exit::Lost(self.launch.explain(&e)), Log::default()),
        };
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let log = Arc::new(Mutex::new(Log::default()));
        let readers = [
            child.stdout.take().map(|pipe| tokio::spawn(collect(pipe, log.clone()))),
            child.stderr.take().map(|pipe| tokio::spawn(collect(pipe, log.clone()))),
        ];
        let exit = tokio::select! {
            status = child.wait() => exit(status),
            why = limits.reached() => {
                end(&mut child, group).await;
                why
            }
        };
        // What dbt started and did not wait for ends with it.
        signal(group, Signal::Kill);
        for reader in readers.into_iter().flatten() {
            let _ = timeout(LOG_TAIL, reader).await;
        }
        let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ended(exit, log)
    }
}

fn ended(exit: Exit, log: Log) -> CommandResult {
    CommandResult {
        exit,
        log,
        dbt_version: None,
    }
}

async fn collect(pipe: impl tokio::io::AsyncRead + Unpin, log: Arc<Mutex<Log>>) {
    let add = |line| log.lock().unwrap_or_else(PoisonError::into_inner).add(line);
    read_lines(BufReader::new(pipe), add).await;
}

fn exit(status: std::io::Result<ExitStatus>) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Exited(code),
            (None, Some(number)) => Exit::Killed(format!("signal {number}")),
            (None, None) => Exit::Lost(format!("dbt ended with {status}")),
        },
        Err(e) => Exit::Lost(format!("can't wait for dbt: {e}")),
    }
}

async fn end(child: &mut Child, group: Option<Pid>) {
    for (number, grace) in LADDER {
        signal(group, number);
        if timeout(grace, child.wait()).await.is_ok() {
            return;
        }
    }
}

fn signal(group: Option<Pid>, number: Signal) {
    let number = match number {
        Signal::Int => rustix::process::Signal::INT,
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    if let Some(group) = group {
        // Fails if all of the group has ended already.
        let _ = kill_process_group(group, number);
    }
}
