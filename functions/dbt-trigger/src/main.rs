//! `dbt-trigger`: `POST /` runs a dbt project and answers with what became of every node.
//!
//! The way of a request: [`http`] → [`auth`] → [`order`] → [`queue`] → [`runner`] → [`report`].

mod api;
mod auth;
mod bucket;
mod config;
mod dbt;
#[cfg(test)]
mod fuzz;
mod orphans;
mod project;
mod queue;
mod records;
mod request;
mod run;
#[cfg(test)]
mod testing;
mod work_dirs;

use std::process::ExitCode;
use std::time::Duration;

use mergemind_shared::config::{Program, load};
use mergemind_shared::{functions_framework, telemetry};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use bucket::BucketError;
use config::{Config, NAME};
use project::Project;
use queue::Queue;
use queue::dispatcher::Dispatcher;
use records::{OpenError, Recorder, Records};
use work_dirs::WorkDirs;

/// When all must be put away after the signal to stop: Cloud Run kills after 10 s.
const LAST: Duration = Duration::from_millis(9_500);

const PROGRAM: Program = Program {
    name: NAME,
    version: env!("CARGO_PKG_VERSION"),
    about: "Runs a dbt project over HTTP: POST / with a bearer token builds all models and tests\n\
            them, and answers with the result of every node.",
};

fn main() -> ExitCode {
    telemetry::init(NAME);
    keep_to_ourselves();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => return failed(&format!("can't start threads: {e}")),
    };
    let config = match runtime.block_on(load(PROGRAM, Config::read)) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match runtime.block_on(serve(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => failed(&e.to_string()),
    }
}

/// Other processes of this user, dbt's among them, can't read this one's memory and environment, which hold tokens.
fn keep_to_ourselves() {
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!("other processes can read this one's memory: {e}");
    }
}

fn failed(message: &str) -> ExitCode {
    tracing::error!("{NAME} can't start: {message}");
    ExitCode::FAILURE
}

/// Why the function can't start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Records(#[from] OpenError),
    #[error(transparent)]
    Project(#[from] BucketError),
    #[error("TLS can't be started: {0}")]
    Tls(#[from] reqwest::Error),
}

async fn serve(config: Config) -> Result<(), StartError> {
    let dirs = WorkDirs::open(&config.dbt)?;
    let listener = functions_framework::bind(&config.settings).await?;
    let stop = CancellationToken::new();
    let instance = uuid::Uuid::now_v7().to_string();
    let Records {
        artifacts,
        history,
        leases,
        builds,
    } = Records::open(&config, &dirs, &instance).await?;
    let (recorder, recorder_task) = Recorder::start(artifacts.clone(), history.clone(), config.dbt.timeout);
    let watched = project::Source::new(&config.project)?
        .map(|source| project::Watcher::start(source, &config.project, &config.dbt, &dirs, &stop));
    let dispatcher = Dispatcher {
        project: match &watched {
            Some(_) => None,
            None => Some(Project::new(config.dbt.clone(), dirs.clone(), None)),
        },
        watched,
        config: config.dbt.clone(),
        artifacts: artifacts.clone(),
        recorder,
        builds,
        leases,
        history: history.clone(),
        stop: stop.clone(),
    };
    let queue = Queue::new(stop.clone());
    let settings = config.settings.clone();
    let router = api::router(config, queue.clone(), artifacts, history)?;
    let running = dispatcher.start(queue);
    let mut stopped_at = Instant::now();
    functions_framework::run_until(NAME, listener, settings, router, async {
        functions_framework::signal().await;
        stopped_at = Instant::now();
        // Before the shim waits for the handlers: they wait for the run that this ends.
        stop.cancel();
    })
    .await;
    // The dispatcher closes its runner, so that no Python process outlives this one.
    let _ = running.await;
    recorder_task.finish(stopped_at + LAST).await;
    Ok(())
}
