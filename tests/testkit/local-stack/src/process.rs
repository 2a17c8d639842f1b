//! A child process that never outlives its owner.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use crate::http;

/// How long a child may take to end after SIGTERM: Cloud Run gives 10 seconds.
const PATIENCE: Duration = Duration::from_secs(12);

/// Why a part of the pipeline is not there; a text for people.
pub type Failed = String;

/// Every child that was started and not stopped, for [`stop_all`].
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Ends all children, when a signal leaves no time for their owners to drop them.
pub fn stop_all() {
    let running = std::mem::take(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
    for pid in &running {
        let _ = kill_process(*pid, Signal::TERM);
    }
    let begun = Instant::now();
    let mut left = running.clone();
    while !left.is_empty() && begun.elapsed() < PATIENCE {
        left.retain(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)));
        std::thread::sleep(Duration::from_millis(20));
    }
    for pid in running {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// A running child. Dropping it ends it, and all that it started.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, whose output goes to `log`.
    ///
    /// It gets a process group of its own, so that Ctrl-C in a terminal reaches only us, and a pipe as
    /// standard input, which closes when we die in whatever way.
    ///
    /// # Errors
    /// If the program or the log can't be opened.
    pub fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Self, Failed> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let output = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        let errors = output.try_clone().map_err(|e| e.to_string())?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|e| format!("{name} can't be started ({program}): {e}"))?;
        let process = Self {
            name,
            child,
            log: log.to_owned(),
        };
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(process.pid());
        Ok(process)
    }

    /// Waits until `GET url` answers 200; large queries can keep a warehouse from answering for seconds.
    ///
    /// # Errors
    /// If the process ends, or `limit` passes, before that; the text holds the end of its log.
    pub fn wait_until_healthy(&mut self, url: &str, limit: Duration) -> Result<(), Failed> {
        let begun = Instant::now();
        loop {
            if matches!(http::get(url), Ok((200, _))) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!(
                    "{} ended while starting ({status}):\n{}",
                    self.name,
                    self.log_tail()
                ));
            }
            if begun.elapsed() > limit {
                return Err(format!(
                    "{} did not answer within {} s:\n{}",
                    self.name,
                    limit.as_secs(),
                    self.log_tail()
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Its whole log.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end, as Cloud Run does with an instance that it no longer needs: SIGTERM, to the process alone.
    pub fn ask_to_end(&self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// If it can't be waited for.
    pub fn wait(&mut self) -> Result<ExitStatus, Failed> {
        self.child.wait().map_err(|e| e.to_string())
    }

    /// Ends it at once, as a crash would: SIGKILL, to the process alone.
    pub fn kill(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
        self.forget();
    }

    /// Ends it and all that it started: politely, then by force.
    pub fn stop(&mut self) {
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        self.forget();
        let Some(pid) = self.pid().filter(|_| !ended) else {
            return;
        };
        let _ = kill_process(pid, Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.child.wait();
    }

    fn forget(&self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|pid| Some(*pid) != self.pid());
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A loopback port that nobody listens on now.
///
/// # Errors
/// If there is none.
pub fn free_port() -> Result<u16, Failed> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| format!("no free port: {e}"))?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}
