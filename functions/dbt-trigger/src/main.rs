//! `dbt-trigger`: `POST /` runs a dbt project and answers with what became of every node.
//!
//! The way of a request: [`http`] → [`door`] → [`order`] → [`queue`] → [`runner`] → [`report`].

mod artifacts;
mod bucket;
mod config;
mod door;
mod event;
#[cfg(test)]
mod fuzz;
mod history;
mod http;
mod keeper;
mod lease;
mod order;
mod orphans;
mod packages;
mod page;
mod project;
mod queue;
mod report;
mod runner;
mod runs;
mod state;
#[cfg(test)]
mod testing;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mergemind_shared::config::{Program, load};
use mergemind_shared::warehouse::Warehouse;
use mergemind_shared::{function, telemetry};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use artifacts::Artifacts;
use bucket::Bucket;
use config::{Config, RecordsConfig};
use history::History;
use keeper::Keeper;
use lease::Leases;
use project::Project;
use queue::{Executor, Queue};
use state::State;

/// When all must be put away after the signal to stop: Cloud Run kills after 10 s.
const LAST: Duration = Duration::from_millis(9_500);

const NAME: &str = "dbt-trigger";

const PROGRAM: Program = Program {
    name: NAME,
    version: env!("CARGO_PKG_VERSION"),
    about: "Runs a dbt project over HTTP: POST / with a bearer token builds all models and tests\n\
            them, and answers with the result of every node.",
};

fn main() -> ExitCode {
    telemetry::init("dbt-trigger");
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
        Err(e) => failed(&e),
    }
}

fn failed(message: &str) -> ExitCode {
    tracing::error!("{NAME} can't start: {message}");
    ExitCode::FAILURE
}

async fn serve(config: Config) -> Result<(), String> {
    let told = |e: std::io::Error| e.to_string();
    let state = State::open(&config.dbt).map_err(told)?;
    let listener = function::bind(&config.settings).await.map_err(told)?;
    let stop = CancellationToken::new();
    let instance = uuid::Uuid::now_v7().to_string();
    let Records {
        artifacts,
        history,
        leases,
    } = Records::open(&config.records, &state, &instance).await?;
    let (keeper, keeping) = Keeper::start(artifacts.clone(), history.clone(), config.dbt.timeout);
    let watched = project::Source::new(&config.project)?
        .map(|source| project::Watcher::start(source, &config.project, &config.dbt, &state, &stop));
    let executor = Executor {
        project: match &watched {
            Some(_) => None,
            None => Some(Project::new(config.dbt.clone(), state.clone(), None)),
        },
        watched,
        config: config.dbt.clone(),
        artifacts: artifacts.clone(),
        keeper,
        leases: leases.map(|leases| (leases, history.clone())),
        stop: stop.clone(),
    };
    let queue = Queue::new(stop.clone());
    let settings = config.settings.clone();
    let router = http::router(config, queue.clone(), artifacts, history)?;
    let running = executor.start(queue);
    let mut stopped_at = Instant::now();
    function::run_until(NAME, listener, settings, router, async {
        function::signal().await;
        stopped_at = Instant::now();
        // Before the shim waits for the handlers: they wait for the run that this ends.
        stop.cancel();
    })
    .await;
    // The executor closes its runner, so that no Python process outlives this one.
    let _ = running.await;
    keeping.finish(stopped_at + LAST).await;
    Ok(())
}

/// What keeps records.
struct Records {
    artifacts: Artifacts,
    history: Option<History>,
    leases: Option<Leases>,
}

impl Records {
    async fn open(config: &RecordsConfig, state: &State, instance: &str) -> Result<Self, String> {
        let bucket = config.bucket.as_ref();
        let bucket = bucket.map(|place| Bucket::new(place, config.storage_emulator.as_ref()));
        let artifacts = Artifacts::new(config.folder.clone(), state.runs(), bucket.transpose()?);
        let warehouse = match config
            .warehouse
            .clone()
            .filter(|_| config.history || config.lease.is_some())
        {
            // Without credentials there is no history, and a run says so, too.
            Some(settings) => match Warehouse::connect(settings).await {
                Ok(warehouse) => Some(Arc::new(warehouse)),
                Err(e) if config.lease.is_some() => return Err(format!("RUN_LEASE needs BigQuery: {e}")),
                Err(e) => {
                    tracing::error!("there is no history of runs: {e}");
                    None
                }
            },
            None => None,
        };
        let history = warehouse.clone().filter(|_| config.history);
        Ok(Self {
            artifacts,
            history: history.map(|warehouse| History::new(warehouse, instance)),
            leases: warehouse
                .zip(config.lease)
                .map(|(warehouse, duration)| Leases::new(warehouse, duration)),
        })
    }
}
