//! Other programs that read GitLab, each in an environment of its own (`scripts/requirements/peer-*.lock`). They write to
//! a file and load nothing; only reading is measured.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use local_stack::{Failed, GITLAB_TOKEN, http, root, venv_python};
use serde_json::{Value, json};

use crate::lab::{GROUP, Lab};
use crate::usage::{self, Ran};

/// Longer than any of them takes for the data of the long form.
const LONGEST: Duration = Duration::from_secs(900);

/// A peer: its name, what it lacks, and how to run it against an address.
pub struct Peer {
    /// With its version.
    pub name: &'static str,
    /// What the merge requests that it reads come without.
    pub lacks: &'static str,
    run: fn(&Lab, &str) -> Read,
}

/// What reading took, and how many merge requests came.
type Read = Result<(Ran, u64), Failed>;

/// What none of them reads.
const BARE: &str = "line counts, pipelines, approvals, notes";

/// All peers.
pub const ALL: &[Peer] = &[
    Peer {
        name: "airbyte-source-gitlab 4.3.7",
        lacks: BARE,
        run: airbyte,
    },
    Peer {
        name: "tap-gitlab 0.9.15 (MeltanoLabs)",
        lacks: BARE,
        run: tap_gitlab,
    },
    Peer {
        name: "dlt 1.31.0, rest_api",
        lacks: BARE,
        run: dlt,
    },
];

impl Peer {
    /// Reads all merge requests of the GitLab at `address`: what that took, and how many came.
    ///
    /// # Errors
    /// If it is not installed, or fails.
    pub fn read(&self, lab: &Lab, address: &str) -> Read {
        let (ran, rows) = (self.run)(lab, address)?;
        if ran.status.success() {
            return Ok((ran, rows));
        }
        let errors = fs::read_to_string(lab.log("peer")).unwrap_or_default();
        let lines: Vec<&str> = errors.lines().collect();
        let end = lines[lines.len().saturating_sub(8)..].join("\n");
        Err(format!("{} ends with {}:\n{end}", self.name, ran.status))
    }
}

/// The interpreter of a peer's environment.
fn python(environment: &str) -> Result<std::path::PathBuf, Failed> {
    let python = venv_python(environment);
    if python.exists() {
        return Ok(python);
    }
    Err(format!("not installed: scripts/prepare-python {environment}"))
}

fn write(path: &Path, value: &Value) -> Result<(), Failed> {
    fs::write(path, value.to_string()).map_err(|e| format!("{}: {e}", path.display()))
}

/// Lines of a file that hold a text.
fn lines_with(path: &Path, text: &str) -> Result<u64, Failed> {
    use std::io::BufRead;
    let file = fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines = std::io::BufReader::new(file).lines();
    Ok(lines.map_while(Result::ok).filter(|line| line.contains(text)).count() as u64)
}

fn airbyte(lab: &Lab, address: &str) -> Read {
    let (config, catalog, output) = (
        lab.path("airbyte.json"),
        lab.path("airbyte-catalog.json"),
        lab.path("airbyte.out"),
    );
    write(
        &config,
        &json!({
            "credentials": {"auth_type": "access_token", "access_token": GITLAB_TOKEN}, "api_url": address,
            "groups_list": [GROUP], "start_date": "2020-01-01T00:00:00Z",
        }),
    )?;
    write(
        &catalog,
        &json!({"streams": [{
            "stream": {
                "name": "merge_requests", "json_schema": {"type": "object"},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "full_refresh", "destination_sync_mode": "append",
        }]}),
    )?;
    let program = python("peer-airbyte")?.with_file_name("source-gitlab");
    let mut command = Command::new(program);
    command
        .arg("read")
        .arg("--config")
        .arg(&config)
        .arg("--catalog")
        .arg(&catalog);
    let ran = usage::run(command, &output, &lab.log("peer"), LONGEST)?;
    Ok((ran, lines_with(&output, "\"type\":\"RECORD\"")?))
}

fn tap_gitlab(lab: &Lab, address: &str) -> Read {
    let checkout = lab
        .tap_gitlab
        .as_ref()
        .ok_or("not at hand: it is on no registry, so name a checkout with --tap-gitlab FOLDER")?;
    // Of a group it takes only what lies directly in it, so it is told all projects.
    let (_, projects) = http::get(&format!("{address}/_sim/rows/projects"))?;
    let paths = projects.as_array().into_iter().flatten();
    let paths: Vec<&str> = paths.filter_map(|row| row["full_path"].as_str()).collect();
    let (config, catalog, output) = (lab.path("tap.json"), lab.path("tap-catalog.json"), lab.path("tap.out"));
    write(
        &config,
        &json!({
            "api_url": format!("{address}/api/v4"), "private_token": GITLAB_TOKEN, "groups": "", "projects": paths.join(" "),
            "start_date": "2020-01-01T00:00:00Z",
        }),
    )?;
    let tap = |arguments: &[&std::ffi::OsStr]| -> Result<Command, Failed> {
        let mut command = Command::new(python("peer-tap-gitlab")?);
        command
            .args(["-c", "import tap_gitlab; tap_gitlab.main()", "--config"])
            .arg(&config)
            .args(arguments);
        command.env("PYTHONPATH", checkout);
        Ok(command)
    };
    // Its own catalog, with merge requests selected and, as the way to them, projects and groups.
    let discovered = tap(&["--discover".as_ref()])?
        .output()
        .map_err(|e| format!("tap-gitlab can't be started: {e}"))?;
    let mut known: Value = serde_json::from_slice(&discovered.stdout).map_err(|_| {
        format!(
            "tap-gitlab tells no catalog: {}",
            String::from_utf8_lossy(&discovered.stderr)
        )
    })?;
    for stream in known["streams"].as_array_mut().into_iter().flatten() {
        let selected = ["merge_requests", "projects", "groups"]
            .iter()
            .any(|name| stream["stream"] == *name);
        for entry in stream["metadata"].as_array_mut().into_iter().flatten() {
            if entry["breadcrumb"] == json!([]) {
                entry["metadata"]["selected"] = json!(selected);
            }
        }
    }
    write(&catalog, &known)?;
    let command = tap(&["--catalog".as_ref(), catalog.as_os_str()])?;
    let ran = usage::run(command, &output, &lab.log("peer"), LONGEST)?;
    Ok((ran, lines_with(&output, "\"stream\": \"merge_requests\", \"record\"")?))
}

fn dlt(lab: &Lab, address: &str) -> Read {
    let output = lab.path("dlt.out");
    let folder = lab.path("dlt");
    let mut command = Command::new(python("peer-dlt")?);
    command
        .arg(root().join("tests/bench/python/dlt_gitlab.py"))
        .args([address, GITLAB_TOKEN, GROUP])
        .arg(&folder)
        .env("RUNTIME__DLTHUB_TELEMETRY", "false")
        .env("DLT_DATA_DIR", &folder);
    let ran = usage::run(command, &output, &lab.log("peer"), LONGEST)?;
    let told = fs::read_to_string(&output).unwrap_or_default();
    let rows = told.lines().last().and_then(|line| line.trim().parse().ok());
    let _ = fs::remove_dir_all(folder);
    Ok((ran, rows.unwrap_or_default()))
}
