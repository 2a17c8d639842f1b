//! What a retry repeats: what the last run left, whoever ran it.

use std::path::Path;

use time::OffsetDateTime;

use crate::records::History;
use crate::run::Run;
use crate::work_dirs::WorkDirs;

/// Sees to it that the results of the last run of all instances stand where a retry takes them from. Without a history, or if that can't be
/// asked, they are this function's own.
pub async fn recall(history: Option<&History>, run: &Run, target: Option<&str>, dirs: &WorkDirs) {
    let Some(history) = history else { return };
    if let Err(problem) = try_recall(history, run, target, &dirs.last_results()).await {
        tracing::warn!("what other instances ran is not known, so a retry knows this one's runs alone: {problem}");
    }
}

async fn try_recall(history: &History, run: &Run, target: Option<&str>, file: &Path) -> Result<(), String> {
    let target = run.selection.target.as_deref().or(target);
    let Some(last) = history.last_run(target).await.map_err(|e| e.to_string())? else {
        return Ok(());
    };
    let written = tokio::fs::metadata(file).await.and_then(|found| found.modified());
    let is_ours_newer = written.is_ok_and(|at| last.is_own || OffsetDateTime::from(at) >= last.ended_at);
    if is_ours_newer {
        return Ok(());
    }
    let results = history.results_of(&last).await.map_err(|e| e.to_string())?;
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(|e| e.to_string())?;
    }
    tokio::fs::write(file, results.to_string())
        .await
        .map_err(|e| e.to_string())
}
