//! What a person sees: live on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest cell of a table.
const CELL: usize = 44;
const BAR: usize = 40;

/// Standard output.
pub struct Screen {
    live: bool,
}

impl Screen {
    pub fn new() -> Self {
        Self {
            live: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    pub fn heading(&self, text: &str) {
        let (on, off) = if self.live { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        println!("\n{on}{text}{off}");
    }

    pub fn line(&self, text: &str) {
        println!("  {text}");
    }

    /// Something that is there now.
    pub fn done(&self, what: &str, detail: &str) {
        println!("  ✓ {what:<36} {detail}");
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
                            status()
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
        let cut = |text: &str| -> String {
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            if text.chars().count() <= CELL {
                text
            } else {
                text.chars().take(CELL - 1).chain(['…']).collect()
            }
        };
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| cut(cell)).collect())
            .collect();
        let width = |column: usize| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(head[column].chars().count())
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let numeric: Vec<bool> = (0..head.len())
            .map(|column| {
                rows.iter()
                    .filter_map(|row| row.get(column))
                    .all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok())
            })
            .collect();
        let print = |cells: Vec<&str>| {
            let padded = cells.iter().enumerate().map(|(column, cell)| {
                let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                if numeric[column] {
                    format!("{gap}{cell}")
                } else {
                    format!("{cell}{gap}")
                }
            });
            println!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
        };
        print(head.to_vec());
        println!(
            "  {}",
            widths
                .iter()
                .map(|width| "─".repeat(*width))
                .collect::<Vec<_>>()
                .join("  ")
        );
        for row in &rows {
            print(row.iter().map(String::as_str).collect());
        }
    }

    /// Horizontal bars.
    pub fn chart(&self, unit: &str, values: &[(String, f64)]) {
        let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        for (name, value) in values {
            let length = if most > 0.0 {
                (value / most * BAR as f64).round() as usize
            } else {
                0
            };
            println!("  {name}  {} {value:.1} {unit}", "█".repeat(length.max(1)));
        }
    }
}
