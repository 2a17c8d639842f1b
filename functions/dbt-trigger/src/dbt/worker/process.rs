//! One resident process and the conversation with it.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal as Number, kill_process_group};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::protocol::{WorkerEvent, WorkerMessage, WorkerReady, read_events, read_log};
use crate::dbt::command::{Exit, Invocation, LADDER, RunLimits, Signal};
use crate::dbt::launch::Launch;
use crate::dbt::log::Log;

/// Its exit status when it may not fork.
const CANNOT_FORK: i32 = 3;
/// How long the last lines of the log may take after a run's end.
const LOG_TAIL: Duration = Duration::from_secs(1);
/// How long it may take to end after it was asked to; it gives a run 2 s itself.
const CLOSE: Duration = Duration::from_secs(3);

/// What the process is told first.
pub(super) struct OpenCommand<'a> {
    pub(super) parse_args: &'a [String],
    pub(super) watch: &'a [PathBuf],
}

/// A process that is ready.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    pub(super) dbt_version: String,
    /// Why its runs are slower than they could be.
    pub(super) slower: Vec<String>,
    child: Child,
    stdin: ChildStdin,
    messages: UnboundedReceiver<WorkerMessage>,
    log: Arc<Mutex<Log>>,
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerStartError {
    #[error("{0}")]
    Spawn(String),
    #[error("it has no pipes")]
    NoPipes,
    #[error(
        "it ended ({status}) {complaint}; is DBT_PYTHON, '{python}', the Python interpreter of the environment that has dbt?"
    )]
    Ended {
        status: String,
        complaint: String,
        python: String,
    },
    #[error("the function is stopping")]
    Stopping,
    #[error("it was not ready after {0:?}")]
    TooSlow(Duration),
}

/// What became of a command.
pub(super) enum CommandOutcome {
    /// It ended; the process waits for the next.
    Finished { exit: Exit, log: Log },
    /// The process has ended, too.
    Gone { exit: Exit, log: Log },
    /// Nothing was run, and the process has ended.
    CannotFork,
}

impl WorkerProcess {
    /// Starts a process and waits until it is ready.
    ///
    /// # Errors
    /// If it can't be started, or ends before it is ready.
    pub(super) async fn start(launch: &Launch, opening: OpenCommand<'_>) -> Result<Self, WorkerStartError> {
        let mut child = launch
            .resident()
            .spawn()
            .map_err(|e| WorkerStartError::Spawn(launch.explain(&e)))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerStartError::NoPipes);
        };
        let (sender, messages) = unbounded_channel();
        let log = Arc::new(Mutex::new(Log::default()));
        tokio::spawn(read_events(stdout, sender.clone()));
        tokio::spawn(read_log(stderr, log.clone(), sender));
        let mut live = Self {
            dbt_version: String::new(),
            slower: Vec::new(),
            child,
            stdin,
            messages,
            log,
        };
        let open = json!({"cmd": "open", "parse_args": opening.parse_args, "watch": opening.watch});
        // If it has died already, the next line finds out and tells why.
        let _ = live.send(&open).await;
        loop {
            match live.messages.recv().await {
                Some(WorkerMessage::Event(WorkerEvent::Ready(ready))) => {
                    live.complain(&ready);
                    (live.dbt_version, live.slower) = (ready.dbt, ready.slower);
                    return Ok(live);
                }
                Some(WorkerMessage::Closed) | None => break,
                Some(_) => {}
            }
        }
        let status = live.wait().await;
        let _ = timeout(LOG_TAIL, read_to_the_end(&mut live.messages)).await;
        let complaint = live.log().complaint().unwrap_or_default();
        Err(WorkerStartError::Ended {
            status,
            complaint,
            python: launch.python.clone(),
        })
    }

    fn complain(&self, ready: &WorkerReady) {
        // A run misses nothing without dbt's static parser's pool, because it never parses.
        tracing::debug!(ready.threads, "threads of the dbt worker");
        if !ready.parsed {
            let complaint = self.log().complaint().unwrap_or_default();
            // No error yet: what is missing may be packages, which the first run installs.
            tracing::warn!("dbt can't parse the project; the next run tries again: {complaint}");
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end; how it ended, for people.
    pub(super) async fn wait(&mut self) -> String {
        said(self.child.wait().await)
    }

    pub(super) async fn run(&mut self, invocation: &Invocation, limits: &RunLimits) -> CommandOutcome {
        let id = invocation.id.as_str();
        *self.log() = Log::default();
        let command = json!({"cmd": "run", "id": id, "args": invocation.args, "narrowed": invocation.narrowed, "reuse_manifest": invocation.reuse_manifest});
        if self.send(&command).await.is_err() {
            return self.gone().await;
        }
        let early = tokio::select! {
            finished = finished(&mut self.messages, id) => match finished {
                Some(exit) => return self.ended(exit),
                None => return self.gone().await,
            },
            why = limits.reached() => why,
        };
        for (signal, grace) in LADDER {
            let name = match signal {
                Signal::Int => "SIGINT",
                Signal::Term => "SIGTERM",
                Signal::Kill => "SIGKILL",
            };
            tracing::warn!("sending {name} to dbt");
            let _ = self.send(&json!({"cmd": "signal", "id": id, "signal": name})).await;
            match timeout(grace, finished(&mut self.messages, id)).await {
                Ok(Some(_)) => return self.ended(early),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        // It does not answer, as when it hangs while it parses: end the process itself.
        self.kill().await;
        let log = self.log().clone();
        CommandOutcome::Gone { exit: early, log }
    }

    fn ended(&mut self, exit: Exit) -> CommandOutcome {
        let log = std::mem::take(&mut *self.log());
        CommandOutcome::Finished { exit, log }
    }

    async fn gone(&mut self) -> CommandOutcome {
        self.signal_group(Number::KILL);
        let status = self.child.wait().await;
        if status.as_ref().is_ok_and(|status| status.code() == Some(CANNOT_FORK)) {
            return CommandOutcome::CannotFork;
        }
        let _ = timeout(LOG_TAIL, read_to_the_end(&mut self.messages)).await;
        let log = self.log().clone();
        let exit = Exit::Lost(format!("it died during the run ({})", said(status)));
        CommandOutcome::Gone { exit, log }
    }

    async fn send(&mut self, command: &Value) -> std::io::Result<()> {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the process to end, and sees to it that it does.
    pub(super) async fn close(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        if timeout(CLOSE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }

    async fn kill(&mut self) {
        self.signal_group(Number::KILL);
        let _ = self.child.kill().await;
    }

    fn signal_group(&self, number: Number) {
        if let Some(group) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process_group(group, number);
        }
    }
}

/// How run `id` ended; `None` if the process has ended instead. Waits for the log's end, too: it is
/// written first, but comes another way.
async fn finished(messages: &mut UnboundedReceiver<WorkerMessage>, id: &str) -> Option<Exit> {
    let mut log_ended = false;
    let exit = loop {
        match messages.recv().await? {
            WorkerMessage::Closed => return None,
            WorkerMessage::EndOfLog(of) => log_ended |= of == id,
            WorkerMessage::Event(WorkerEvent::Finished {
                id: of,
                exit_code,
                signal,
            }) if of == id => {
                break match (exit_code, signal) {
                    (Some(code), _) => Exit::Exited(code),
                    (None, signal) => Exit::Killed(signal.unwrap_or_else(|| "a signal".into())),
                };
            }
            WorkerMessage::Event(_) => {}
        }
    };
    let log_end = async {
        while !log_ended {
            match messages.recv().await {
                Some(WorkerMessage::EndOfLog(of)) => log_ended = of == id,
                Some(_) => {}
                None => break,
            }
        }
    };
    let _ = timeout(LOG_TAIL, log_end).await;
    Some(exit)
}

/// Waits until both readers have ended.
async fn read_to_the_end(messages: &mut UnboundedReceiver<WorkerMessage>) {
    while messages.recv().await.is_some() {}
}

fn said(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(e) => format!("unknown: {e}"),
    }
}
