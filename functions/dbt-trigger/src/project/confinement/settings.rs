//! The settings of `dbt_project.yml` and of packages that name files and programs.

use std::path::{Component, Path, PathBuf};

use serde_norway::{Mapping, Value};

/// Where a project's files may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside<'a> {
    /// What was fetched; without links in it.
    pub(super) root: &'a Path,
    /// What its paths are relative to.
    pub(super) folder: &'a Path,
    /// Whether dbt is kept to the folder while it runs, too.
    pub(super) jinja_is_judged_later: bool,
}

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingProblem {
    #[error("{setting} names '{path}', which is outside of what was fetched")]
    Outside { setting: String, path: String },
    #[error(
        "{setting} is '{value}', which is Jinja; write it out, because DBT_EXECUTABLE's dbt is not kept to its folder"
    )]
    Jinja { setting: String, value: String },
    #[error("{setting} has dbt start another program")]
    Program { setting: String },
    #[error(
        "{setting} names '{address}'; a package comes by https, http, ssh or git from another machine, or is a folder by `local`"
    )]
    Address { setting: String, address: String },
    #[error(
        "{setting} is '{value}': our access to BigQuery would go there; it may be Google's, or env_var('BIGQUERY_EMULATOR_HOST')"
    )]
    Endpoint { setting: String, value: String },
    #[error("{setting} is '{value}', which is no region's name")]
    Region { setting: String, value: String },
}

/// What this function sets for dbt, whatever the project says.
const SET_BY_US: [&str; 2] = ["target-path", "log-path"];

/// Whether a text is made by Jinja.
pub(super) fn is_jinja(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Where packages are installed, if the project says so in plain words.
pub(super) fn packages_install_path(project: &Value) -> Option<String> {
    let path = settings(project)
        .find(|(name, _)| name == "packages-install-path")?
        .1
        .as_str()?;
    (!is_jinja(path)).then(|| path.to_owned())
}

/// Checks `dbt_project.yml`.
///
/// # Errors
/// The first setting that is refused.
pub(super) fn check_project(inside: Inside, project: &Value) -> Result<(), SettingProblem> {
    for (name, value) in settings(project) {
        let names_files = name.ends_with("-path") || name.ends_with("-paths") || name == "clean-targets";
        if names_files && !SET_BY_US.contains(&name.as_str()) {
            for path in texts(value) {
                inside.check(&name, path)?;
            }
        }
        if name == "flags" {
            // dbt 1.12 has `v2_parser` parse, whatever program that is.
            let mut flags = settings(value).filter(|(_, value)| !matches!(value, Value::Null | Value::Bool(false)));
            if let Some((flag, _)) = flags.find(|(flag, _)| ["use-v2-parser", "v2-parser"].contains(&flag.as_str())) {
                return Err(SettingProblem::Program {
                    setting: format!("flags.{}", flag.replace('-', "_")),
                });
            }
        }
    }
    Ok(())
}

/// Checks `packages.yml`, `dependencies.yml` or `package-lock.yml`.
///
/// # Errors
/// The first setting that is refused.
pub(super) fn check_packages(inside: Inside, file: &Value) -> Result<(), SettingProblem> {
    let packages = settings(file).filter(|(name, _)| name == "packages");
    for package in packages.filter_map(|(_, packages)| packages.as_sequence()).flatten() {
        for (name, value) in settings(package) {
            let setting = format!("packages: {name}");
            for text in texts(value) {
                match name.as_str() {
                    "local" | "subdirectory" => inside.check(&setting, text)?,
                    "git" | "tarball" => inside.check_address(&setting, text)?,
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

impl Inside<'_> {
    fn check(&self, setting: &str, path: &str) -> Result<(), SettingProblem> {
        if self.is_judged_later(setting, path)? {
            return Ok(());
        }
        let is_inside = !path.starts_with('~')
            && without_dots(&self.folder.join(path)).is_some_and(|path| path.starts_with(self.root));
        match is_inside {
            true => Ok(()),
            false => Err(SettingProblem::Outside {
                setting: setting.to_owned(),
                path: path.to_owned(),
            }),
        }
    }

    fn check_address(&self, setting: &str, address: &str) -> Result<(), SettingProblem> {
        if self.is_judged_later(setting, address)? {
            return Ok(());
        }
        let (scheme, _) = address.split_once("://").unwrap_or_default();
        let is_remote = match scheme {
            // git@host:path
            "" => address
                .split_once('@')
                .is_some_and(|(user, rest)| is_word(user) && rest.contains(':')),
            scheme => ["https", "http", "ssh", "git", "git+ssh"].contains(&scheme),
        };
        match is_remote {
            true => Ok(()),
            false => Err(SettingProblem::Address {
                setting: setting.to_owned(),
                address: address.to_owned(),
            }),
        }
    }

    fn is_judged_later(&self, setting: &str, value: &str) -> Result<bool, SettingProblem> {
        match (is_jinja(value), self.jinja_is_judged_later) {
            (true, false) => Err(SettingProblem::Jinja {
                setting: setting.to_owned(),
                value: value.to_owned(),
            }),
            (jinja, _) => Ok(jinja),
        }
    }
}

/// The settings of a mapping by dbt's names: with hyphens, which it takes underscores for as well.
pub(super) fn settings(value: &Value) -> impl Iterator<Item = (String, &Value)> {
    let settings = value.as_mapping().map(Mapping::iter);
    let named = settings.into_iter().flatten();
    named.filter_map(|(name, value)| Some((name.as_str()?.replace('_', "-"), value)))
}

/// A text, or those of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Sequence(list) => list.iter().flat_map(texts).collect(),
        Value::Tagged(tagged) => texts(&tagged.value),
        _ => Vec::new(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && !text.starts_with('-')
}

/// The path without `.` and `..`; `None` if it leads above the root. No component is a link: those were looked at before.
fn without_dots(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => plain.pop().then_some(())?,
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Some(plain)
}
