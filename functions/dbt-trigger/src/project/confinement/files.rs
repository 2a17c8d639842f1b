//! Links, folders and YAML files of a fetched project.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_norway::Value;

use super::settings::SettingProblem;

/// How deep brackets, and dashes of one line, may be nested; `serde_norway` itself takes 128 levels.
const DEEPEST: usize = 128;

/// Why a fetched project is not run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A setting.
    #[error("{}: {problem}", file.display())]
    Setting { file: PathBuf, problem: SettingProblem },
    /// A link that a package brought.
    #[error("{}: it is a link that leads out of what was fetched", .0.display())]
    Link(PathBuf),
    /// A file that dbt would understand in its own way.
    #[error("{}: it is no YAML that can be checked: {error}", file.display())]
    Yaml { file: PathBuf, error: serde_norway::Error },
    /// A file whose reading would take a processor for minutes: libyaml's time grows with the square of the depth.
    #[error("{}: its lists are nested deeper than {DEEPEST}", .0.display())]
    TooDeep(PathBuf),
    /// A file of this machine.
    #[error("{}: {error}", file.display())]
    File { file: PathBuf, error: std::io::Error },
}

/// Looks for links below `folder` that lead out of `root`.
///
/// # Errors
/// The first one, or a folder that can't be read.
pub(super) fn check_links(root: &Path, folder: &Path) -> Result<(), Refused> {
    let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
    let unreadable = |error| Refused::File {
        file: shown(folder),
        error,
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        let path = entry.path();
        if kind.is_dir() {
            check_links(root, &path)?;
        } else if kind.is_symlink() {
            // One that leads nowhere may lead somewhere later.
            let leads_inside = path.canonicalize().is_ok_and(|target| target.starts_with(root));
            if !leads_inside {
                return Err(Refused::Link(shown(&path)));
            }
        }
    }
    Ok(())
}

/// The folders in `folder`, links to folders included; none if it is not there.
pub(super) fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| entry.ok()?.path().canonicalize().ok())
        .filter(|path| path.is_dir())
        .collect()
}

/// What a YAML file says, merge keys included; `None` if it is not there, or empty.
///
/// # Errors
/// If it can't be read, or is no YAML. Keys that stand twice, of which Python's YAML takes the last, are none.
pub(super) fn read_yaml(file: &Path, shown: &Path) -> Result<Option<Value>, Refused> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Refused::File {
                file: shown.to_owned(),
                error,
            });
        }
    };
    if is_too_deep(&text) {
        return Err(Refused::TooDeep(shown.to_owned()));
    }
    let parsed = serde_norway::from_str::<Value>(&text).and_then(|mut value| {
        value.apply_merge()?;
        Ok(value)
    });
    match parsed {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Refused::Yaml {
            file: shown.to_owned(),
            error,
        }),
    }
}

/// Whether a text may be nested too deeply. Brackets within strings count, too.
fn is_too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    let dashes = |line: &str| {
        line.split_whitespace()
            .take_while(|word| ["-", "?", ":"].contains(word))
            .count()
    };
    text.lines().any(|line| dashes(line) > DEEPEST)
}
