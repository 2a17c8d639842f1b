//! The report over the marts: a program of its own in dbt's Python.

use std::path::Path;
use std::process::Stdio;

use super::command::RunLimits;
use super::launch::Launch;
use crate::config::{DbtConfig, REPORT_PROGRAM};
use crate::work_dirs::WorkDirs;

/// The most of its complaint that is logged, in characters.
const COMPLAINT: usize = 2_000;

/// Has the program in `folder` write the page.
///
/// # Errors
/// Why there is none, for people.
pub async fn make_report(
    config: &DbtConfig,
    dirs: &WorkDirs,
    (folder, page): (&Path, &Path),
    limits: &RunLimits,
) -> Result<(), String> {
    let mut command = Launch::new(config, dirs).python();
    command.arg(folder.join(REPORT_PROGRAM)).arg(page).stdin(Stdio::null());
    let output = tokio::select! {
        output = command.output() => output.map_err(|e| e.to_string())?,
        why = limits.reached() => return Err(format!("it was ended: {why:?}")),
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let skipped = said.chars().count().saturating_sub(COMPLAINT);
    let said: String = said.chars().skip(skipped).collect();
    Err(format!("{}: {}", output.status, said.trim()))
}
