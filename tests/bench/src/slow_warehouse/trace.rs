//! Which requests a run makes, one line each: whoever wants fewer has to see them.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use local_stack::Failed;

use super::counts::Kind;

/// So many characters of a statement tell which one it is.
const SHOWN: usize = 300;

/// A file of requests: seconds of begin and end since it was opened, what it is, and the statement's beginning.
pub struct Trace {
    file: Mutex<File>,
    opened: Instant,
}

impl Trace {
    /// Adds to a file.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn open(path: &Path) -> Result<Self, Failed> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            file: Mutex::new(file.map_err(|e| format!("{}: {e}", path.display()))?),
            opened: Instant::now(),
        })
    }

    /// Adds a request that began at `begun` and has ended.
    pub fn write(&self, kind: Kind, begun: Instant, asked: &str, sql: &str) {
        let seconds = |at: Instant| at.saturating_duration_since(self.opened).as_secs_f64();
        let name = match kind {
            Kind::Job { of_dbt: true } => "job of dbt",
            Kind::Job { of_dbt: false } => "job",
            Kind::Poll => "poll",
            Kind::Metadata => "metadata",
        };
        let (from, to) = (seconds(begun), seconds(Instant::now()));
        self.line(&format!("{from:8.2} {to:8.2}  {name:10}  {asked}  {}", shown(sql)));
    }

    /// Marks where a part of the measurement begins.
    pub fn line(&self, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(file, "{text}");
    }
}

/// The beginning of a statement in one line.
fn shown(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    words.join(" ").chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_line_with_its_statement() {
        let folder = std::env::temp_dir().join(format!("bench-trace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("trace");
        let trace = Trace::open(&path).expect("a file");
        trace.line("first sync");
        trace.write(Kind::Job { of_dbt: true }, Instant::now(), "POST /jobs", "select\n  1");
        trace.write(Kind::Poll, Instant::now(), "GET /jobs/1", "");
        let text = std::fs::read_to_string(&path).expect("written");
        std::fs::remove_dir_all(&folder).expect("removed");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "first sync");
        assert!(lines[1].ends_with("job of dbt  POST /jobs  select 1"), "{text}");
        assert!(lines[2].contains("  poll        GET /jobs/1"), "{text}");
    }
}
