//! What the demo is told, by arguments and environment.

use std::path::PathBuf;
use std::process::ExitCode;

use local_stack::root;

const HELP: &str = "\
usage: scripts/demo [--keep]

Syncs a GitLab into a local warehouse, runs dbt, and shows the result. Run again, it starts where the data is.

  --keep    leave everything running until Ctrl-C

Without further settings the GitLab is a simulated one. To sync your own, set
  GITLAB_BASE_URL    such as https://gitlab.com
  GITLAB_TOKEN       an access token with the scope read_api
  GITLAB_GROUPS      full paths of groups, or GITLAB_PROJECTS: full paths of projects; commas between
  GITLAB_CA_FILE     if needed, the certificates of your company's authority
With STREAMS=recommended there are deployments, too, and marts with DORA's four keys.
Its data stays apart, in a folder named after its host. All local data is in .local: remove that folder to begin anew.";

/// A GitLab of the user's.
pub struct OwnGitlab {
    /// The connector's variables for it.
    pub variables: Vec<(&'static str, String)>,
    /// Its host.
    pub host: String,
}

/// What the demo is told.
pub struct Options {
    /// Whether to stay.
    pub keep: bool,
    /// The user's GitLab, instead of a simulated one.
    pub own: Option<OwnGitlab>,
    /// `STREAMS` for both functions.
    pub streams: String,
}

impl Options {
    /// Reads them, or answers `--help`.
    pub fn read() -> Result<Self, ExitCode> {
        let mut keep = false;
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--keep" => keep = true,
                "--help" | "-h" => {
                    println!("{HELP}");
                    return Err(ExitCode::SUCCESS);
                }
                other => {
                    eprintln!("error: scripts/demo knows no argument {other}\n\n{HELP}");
                    return Err(ExitCode::from(2));
                }
            }
        }
        Ok(Self {
            keep,
            own: own_gitlab()?,
            streams: std::env::var("STREAMS").unwrap_or_default(),
        })
    }

    /// Who is synced.
    pub fn source(&self) -> String {
        self.own
            .as_ref()
            .map_or_else(|| "the simulated GitLab".into(), |own| own.host.clone())
    }

    /// The name of the folder of the warehouse's data, below `.local`.
    pub fn folder(&self) -> String {
        match &self.own {
            None => "warehouse".into(),
            Some(own) => format!("warehouse-{}", own.host.replace([':', '/'], "-")),
        }
    }

    /// The folder of the warehouse's data.
    pub fn data(&self) -> PathBuf {
        root().join(".local").join(self.folder())
    }
}

fn own_gitlab() -> Result<Option<OwnGitlab>, ExitCode> {
    let names = [
        "GITLAB_BASE_URL",
        "GITLAB_TOKEN",
        "GITLAB_GROUPS",
        "GITLAB_PROJECTS",
        "GITLAB_CA_FILE",
    ];
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let variables: Vec<(&'static str, String)> =
        names.into_iter().filter_map(|name| Some((name, set(name)?))).collect();
    if set("GITLAB_BASE_URL").is_none() && set("GITLAB_TOKEN").is_none() {
        return Ok(None);
    }
    for needed in ["GITLAB_BASE_URL", "GITLAB_TOKEN"] {
        if set(needed).is_none() {
            eprintln!(
                "error: to sync your own GitLab, set {needed} too (see scripts/demo --help); unset the others to use the simulated one"
            );
            return Err(ExitCode::from(2));
        }
    }
    let address = set("GITLAB_BASE_URL").unwrap_or_default();
    let host = address
        .split("//")
        .nth(1)
        .unwrap_or(&address)
        .trim_end_matches('/')
        .to_owned();
    Ok(Some(OwnGitlab { variables, host }))
}
