//! `gitlab-connector`: syncs a GitLab into raw BigQuery tables, incrementally, and then has dbt run.
//!
//! Settings come from environment variables; `gitlab-connector --help` lists them, and
//! `gitlab-connector --check` tries all that a sync needs.

mod api;
mod check;
mod config;
mod dbt;
mod fivetran;
mod gitlab;
mod ledger;
mod streams;
mod sync;
mod webhook;

use std::process::ExitCode;

use mergemind_shared::config::{Program, load_or};
use mergemind_shared::{functions_framework, telemetry};

use config::Config;
use sync::Syncer;

const PROGRAM: Program = Program {
    name: "gitlab-connector",
    version: env!("CARGO_PKG_VERSION"),
    about: "Syncs a GitLab into raw BigQuery tables, incrementally, and then has dbt run.",
};

// One thread: a sync is one task that mostly waits, and with more of them its memory is spread over an allocator's arenas.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, check) = match load_or(PROGRAM, Some("--check"), Config::read).await {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    telemetry::init(PROGRAM.name);
    let function = config.function.clone();
    let syncer = match Syncer::new(config).await {
        Ok(syncer) => syncer,
        Err(error) => {
            tracing::error!("can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    if check {
        return check::run(&syncer).await;
    }
    match functions_framework::run_with(PROGRAM.name, function, api::routes(syncer)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
