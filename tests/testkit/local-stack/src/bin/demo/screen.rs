//! What a person sees: live on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::text;

/// Longest cell of a table.
const CELL: usize = 44;
const BAR: usize = 40;

struct Column {
    /// In columns of the terminal.
    width: usize,
    is_numeric: bool,
}

/// Standard output. Whatever it is given may hold what others wrote, so it shows all of it by [`text::visible`].
pub struct Screen {
    live: bool,
}

impl Screen {
    pub fn new() -> Self {
        Self {
            live: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    pub fn heading(&self, heading: &str) {
        let (on, off) = if self.live { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        println!("\n{on}{}{off}", text::visible(heading));
    }

    pub fn line(&self, line: &str) {
        println!("  {}", text::visible(line));
    }

    /// Something that is there now.
    pub fn done(&self, what: &str, detail: &str) {
        println!("  ✓ {} {}", text::padded(what, 36, false), text::visible(detail));
    }

    /// Does `work` while showing how long it has taken and what `status` says.
    pub fn during<T>(
        &self,
        what: &str,
        status: impl Fn() -> String + Sync,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        let begun = Instant::now();
        if !self.live {
            println!("  … {what}");
        }
        let finished = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            if self.live {
                scope.spawn(|| {
                    while !finished.load(Ordering::Relaxed) {
                        print!(
                            "\r\x1b[K  … {what} {:.0} s  {}",
                            begun.elapsed().as_secs_f64(),
                            text::visible(&status())
                        );
                        let _ = stdout().flush();
                        thread::sleep(Duration::from_millis(200));
                    }
                });
            }
            let result = work();
            finished.store(true, Ordering::Relaxed);
            result
        });
        let clear = if self.live { "\r\x1b[K" } else { "" };
        if result.is_ok() {
            println!("{clear}  ✓ {what} ({:.1} s)", begun.elapsed().as_secs_f64());
        } else {
            print!("{clear}");
        }
        result
    }

    /// A table; numbers stand to the right.
    pub fn table(&self, head: &[&str], rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| text::cut(&text::visible(cell), CELL)).collect())
            .collect();
        let columns: Vec<Column> = (0..head.len())
            .map(|column| {
                let cells = || rows.iter().filter_map(|row| row.get(column));
                let widest = cells().map(|cell| text::width(cell)).max().unwrap_or(0);
                Column {
                    width: widest.max(text::width(head[column])),
                    is_numeric: cells().all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok()),
                }
            })
            .collect();
        let print = |cells: Vec<&str>| {
            let padded = cells.iter().zip(&columns);
            let padded = padded.map(|(cell, column)| text::padded(cell, column.width, column.is_numeric));
            println!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
        };
        print(head.to_vec());
        let rules = columns.iter().map(|column| "─".repeat(column.width));
        println!("  {}", rules.collect::<Vec<_>>().join("  "));
        for row in &rows {
            print(row.iter().map(String::as_str).collect());
        }
    }

    /// Horizontal bars.
    pub fn chart(&self, unit: &str, values: &[(String, f64)]) {
        let widest = values
            .iter()
            .map(|(name, _)| text::width(&text::visible(name)))
            .max()
            .unwrap_or(0);
        let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        for (name, value) in values {
            let length = if most > 0.0 {
                (value / most * BAR as f64).round() as usize
            } else {
                0
            };
            let name = text::padded(&text::visible(name), widest, false);
            println!("  {name}  {} {value:.1} {unit}", "█".repeat(length.max(1)));
        }
    }
}
