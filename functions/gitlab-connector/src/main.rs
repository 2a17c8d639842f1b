//! `gitlab-connector`: syncs a GitLab into raw BigQuery tables, incrementally, and then has dbt run.
//!
//! Settings come from environment variables; `gitlab-connector --help` lists them.

mod config;
mod dbt;
mod gitlab;
mod http;
mod streams;
mod sync;

use std::process::ExitCode;

use mergemind_shared::config::{Program, load};
use mergemind_shared::{function, telemetry};

use config::Config;
use sync::Syncer;

const PROGRAM: Program = Program {
    name: "gitlab-connector",
    version: env!("CARGO_PKG_VERSION"),
    about: "Syncs a GitLab into raw BigQuery tables, incrementally, and then has dbt run.",
};

#[tokio::main]
async fn main() -> ExitCode {
    let config = match load(PROGRAM, Config::read).await {
        Ok(config) => config,
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
    match function::run_with(PROGRAM.name, function, http::routes(syncer)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
