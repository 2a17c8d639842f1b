//! `dbt-trigger`: `POST /` runs a dbt project and answers with what became of every node.
//!
//! The way of a request: [`http`] → [`door`] → [`order`] → [`queue`] → [`runner`] → [`report`].

mod config;
mod door;
mod event;
mod http;
mod order;
mod packages;
mod queue;
mod report;
mod runner;
mod runs;
mod state;
#[cfg(test)]
mod testing;

use std::process::ExitCode;
use std::sync::Arc;

use mergemind_shared::config::{Program, load};
use mergemind_shared::{function, telemetry};
use tokio_util::sync::CancellationToken;

use config::Config;
use packages::Packages;
use queue::{Executor, Queue};
use runner::Runner;
use state::State;

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
        Err(e) => failed(&e.to_string()),
    }
}

fn failed(message: &str) -> ExitCode {
    tracing::error!("{NAME} can't start: {message}");
    ExitCode::FAILURE
}

async fn serve(config: Config) -> std::io::Result<()> {
    let state = Arc::new(State::open(&config.dbt)?);
    let listener = function::bind(&config.settings).await?;
    let stop = CancellationToken::new();
    let executor = Executor {
        runner: Runner::new(&config.dbt, &state),
        packages: Packages::new(&config.dbt.project_dir),
        config: config.dbt.clone(),
        state,
        stop: stop.clone(),
    };
    let queue = Queue::new(stop.clone());
    let settings = config.settings.clone();
    let router = http::router(config, queue.clone()).map_err(std::io::Error::other)?;
    let running = executor.start(queue);
    function::run_until(NAME, listener, settings, router, async {
        function::signal().await;
        // Before the shim waits for the handlers: they wait for the run that this ends.
        stop.cancel();
    })
    .await;
    // The queue closes its runner, so that no Python process outlives this one.
    let _ = running.await;
    Ok(())
}
