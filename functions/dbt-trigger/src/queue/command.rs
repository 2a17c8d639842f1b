//! What dbt is told for a run, and where its results come to lie.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::dbt::project_args;
use crate::project::Project;
use crate::request::Action;
use crate::run::{BuildSet, Run};
use crate::work_dirs::WorkDirs;

/// What is left to a build of everything, once a day: comparisons of whole tables, say.
const NIGHTLY: &str = "tag:nightly";

/// Why a run can't be begun.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("can't prepare {}: {error}", directory.display())]
    Directory { directory: PathBuf, error: std::io::Error },
    #[error("there is nothing to retry: neither this function nor its history knows of a run")]
    NothingToRetry,
}

/// Sees to it that what is in the target directory afterwards is of this run; returns the directory.
///
/// # Errors
/// If the directory can't be prepared, or there is nothing to retry.
pub fn prepare(run: &Run, dirs: &WorkDirs) -> Result<PathBuf, PrepareError> {
    // Another target or other variables are another project: they must not mix with the parsed one.
    let target = if run.selection.is_of_the_parsed_project() {
        dirs.target().to_owned()
    } else {
        dirs.other_target()
    };
    let failed = |error| PrepareError::Directory {
        directory: target.clone(),
        error,
    };
    std::fs::create_dir_all(&target).map_err(failed)?;
    if run.action == Action::Retry {
        std::fs::create_dir_all(dirs.retry()).map_err(failed)?;
        std::fs::copy(dirs.last_results(), dirs.retry().join("run_results.json"))
            .map_err(|_| PrepareError::NothingToRetry)?;
    }
    match std::fs::remove_file(target.join(run.action.results_file())) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(failed(e)),
        _ => Ok(target),
    }
}

/// dbt's command line for a run.
pub fn args(run: &Run, built: &BuildSet, project: &Project, target: &Path) -> Vec<String> {
    let mut args: Vec<String> = run.action.command().iter().map(|&word| word.to_owned()).collect();
    args.extend(project_args(&project.config, run.selection.target.as_deref()));
    args.extend(["--target-path".into(), target.display().to_string()]);
    args.extend(["--threads".into(), project.config.threads.to_string()]);
    match run.action {
        Action::Retry => args.extend(["--state".into(), project.dirs.retry().display().to_string()]),
        Action::Freshness => {
            let file = target.join(run.action.results_file());
            args.extend(["--output".into(), file.display().to_string()]);
        }
        // The emulator has none of the views that a catalogue is read from.
        Action::Docs if project.config.on_emulator => args.push("--empty-catalog".into()),
        _ => {}
    }
    if let BuildSet::Changed(tables) = built {
        args.push("--select".into());
        args.extend(tables.iter().map(|table| format!("source:*.{table}+")));
        args.extend(["--exclude".into(), NIGHTLY.into()]);
    }
    if let BuildSet::Live { tables, .. } = built {
        args.push("--select".into());
        args.extend(tables.iter().map(|table| format!("source:*.{table}+,+tag:live")));
        args.extend(without_tests());
    }
    args.extend(run.selection.args());
    args
}

/// The same for a run that is to write certain rows alone, where the project has models for that; the runner adds them.
pub fn narrowed_args(run: &Run, built: &BuildSet, project: &Project, target: &Path) -> Option<Vec<String>> {
    let BuildSet::Live { rows: Some(rows), .. } = built else {
        return None;
    };
    let mut args = args(run, &BuildSet::All, project, target);
    args.extend(without_tests());
    let vars = json!({"live_merge_requests": rows.merge_requests, "live_projects": rows.projects});
    args.extend(["--vars".into(), vars.to_string()]);
    Some(args)
}

fn without_tests() -> impl Iterator<Item = String> {
    let kinds = ["test", "unit_test"].into_iter();
    kinds.flat_map(|kind| ["--exclude-resource-type".into(), kind.into()])
}

/// Keeps results for a later retry: the next command overwrites them.
pub fn keep(results: &Path, last: &Path) {
    let kept = last.parent().map_or(Ok(()), std::fs::create_dir_all);
    if let Err(e) = kept.and_then(|()| std::fs::copy(results, last).map(|_| ()))
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!("can't keep the results for a retry: {e}");
    }
}
