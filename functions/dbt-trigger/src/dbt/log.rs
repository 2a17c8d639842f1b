//! dbt's log: JSON lines, as dbt's `--log-format json` has them, and whatever else Python prints.

use std::collections::VecDeque;

use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest line that is kept whole, in bytes; dbt puts whole SQL statements into some.
const LINE_LIMIT: u64 = 256 * 1024;
/// The longest error text that is kept, in characters.
const TEXT_LIMIT: usize = 2_000;
/// How many errors are kept, and how many lines that are not dbt's.
const KEPT: usize = 20;

/// What is worth keeping of a command's log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Messages of level `error`, in their order.
    errors: Vec<String>,
    /// The last lines that are not dbt's JSON, such as a Python traceback.
    stray: VecDeque<String>,
}

/// One line of the log.
#[derive(Debug, PartialEq)]
pub(super) enum LogLine {
    /// An event of dbt.
    Dbt { level: String, message: String },
    /// The worker's mark after the last line of a run.
    End { id: String },
    /// Anything else.
    Stray(String),
}

#[derive(Deserialize)]
struct DbtEvent {
    info: DbtInfo,
}

#[derive(Deserialize)]
struct DbtInfo {
    level: String,
    msg: String,
}

#[derive(Deserialize)]
struct EndMark {
    end_of_log: String,
}

impl Log {
    /// Why dbt could not run, in dbt's own words, or Python's; `None` if it said nothing.
    pub fn complaint(&self) -> Option<String> {
        if !self.errors.is_empty() {
            return Some(self.errors.join("\n"));
        }
        // A traceback's last line names the exception; the ones before are for the log.
        self.stray.back().cloned()
    }

    pub(super) fn add(&mut self, line: LogLine) {
        match line {
            LogLine::Dbt { level, message } => {
                tracing::debug!(level, "dbt: {message}");
                if level == "error" && self.errors.len() < KEPT && !self.errors.contains(&message) {
                    self.errors.push(message);
                }
            }
            LogLine::Stray(text) => {
                tracing::debug!("dbt prints: {text}");
                if self.stray.len() == KEPT {
                    self.stray.pop_front();
                }
                self.stray.push_back(text);
            }
            LogLine::End { .. } => {}
        }
    }
}

impl LogLine {
    /// Reads one line; `None` for an empty one.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return None;
        }
        if let Ok(EndMark { end_of_log }) = serde_json::from_slice(line) {
            return Some(Self::End { id: end_of_log });
        }
        if let Ok(DbtEvent { info }) = serde_json::from_slice::<DbtEvent>(line) {
            let message = cut(info.msg.trim());
            return (!message.is_empty()).then_some(Self::Dbt {
                level: info.level,
                message,
            });
        }
        Some(Self::Stray(cut(&String::from_utf8_lossy(line))))
    }
}

/// Gives every line of `reader` to `each`, until its end.
pub(super) async fn read_lines(reader: impl AsyncBufRead + Unpin, mut each: impl FnMut(LogLine)) {
    let mut reader = reader;
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if let Some(line) = LogLine::parse(&line) {
                    each(line);
                }
            }
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_win_over_tracebacks() {
        let mut log = Log::default();
        assert_eq!(log.complaint(), None);
        for line in ["Traceback (most recent call last):", "KeyError: 'x'", ""] {
            LogLine::parse(line.as_bytes())
                .into_iter()
                .for_each(|line| log.add(line));
        }
        assert_eq!(log.complaint().as_deref(), Some("KeyError: 'x'"));
        for level in ["info", "error", "error"] {
            let line = format!(r#"{{"info":{{"level":"{level}","msg":" {level}! ","name":"X"}},"data":{{}}}}"#);
            log.add(LogLine::parse(line.as_bytes()).expect("a line"));
        }
        assert_eq!(log.complaint().as_deref(), Some("error!"));
    }

    #[tokio::test]
    async fn endless_lines_are_cut() {
        let mut text = vec![b'x'; 3 * LINE_LIMIT as usize];
        text.extend(b"\n{\"end_of_log\": \"7\"}\n");
        let mut lines = Vec::new();
        read_lines(&text[..], |line| lines.push(line)).await;
        assert_eq!(lines.last(), Some(&LogLine::End { id: "7".into() }));
        assert!(
            lines
                .iter()
                .all(|line| !matches!(line, LogLine::Stray(text) if text.len() > 3 * TEXT_LIMIT))
        );
    }
}
