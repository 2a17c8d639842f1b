//! `bench`: measures the pipeline, and its peers beside it. `scripts/bench` builds and starts it.

mod classic;
mod lab;
mod load;
mod machine;
mod measure;
mod null_warehouse;
mod options;
mod page;
mod peers;
mod render;
mod results;
mod slow_warehouse;
mod svg;
mod usage;

use std::process::ExitCode;
use std::time::Instant;

use local_stack::{Failed, root, stop_all};
use serde_json::{Value, json};

use lab::Lab;
use measure::Measurement;
use options::{Options, Task};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match options::read(std::env::args().skip(1).collect()).and_then(perform) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), Failed> {
    match task {
        Task::Help => {
            println!("{}", options::HELP);
            Ok(())
        }
        Task::Classic { address, group, most } => classic::run(&address, &group, most),
        Task::Render => render::documents(&results::read(&results::published())?),
        Task::Measure(options) => {
            end_with_signals()?;
            measure(&options)
        }
    }
}

/// Ctrl-C and SIGTERM end what was started, too.
fn end_with_signals() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let Ok(mut terminate) = signal(SignalKind::terminate()) else {
                return;
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        });
        stop_all();
        std::process::exit(130);
    });
    Ok(())
}

fn measure(options: &Options) -> Result<(), Failed> {
    // What the short form finds is not worth publishing.
    let path = if options.short {
        root().join(".local/bench/short.json")
    } else {
        results::published()
    };
    let mut results = results::read(&path)?;
    let mut failed = Vec::new();
    for measurement in &options.measurements {
        println!("measuring {} …", measurement.name);
        match one(options, measurement) {
            Ok(result) => {
                println!("{}", render::terminal(measurement, &result));
                results.insert(measurement.name.to_owned(), result);
                // At once, so that a later measurement that fails takes nothing away.
                results::write(&path, &results)?;
            }
            Err(problem) => {
                eprintln!("error: {}: {problem}", measurement.name);
                failed.push(measurement.name);
            }
        }
    }
    if !options.short {
        render::documents(&results)?;
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not measured: {}", failed.join(", "))),
    }
}

fn one(options: &Options, measurement: &Measurement) -> Result<Value, Failed> {
    let lab = Lab::new(options)?;
    let machine = machine::describe();
    let begun = Instant::now();
    let figures = (measurement.run)(&lab)?;
    // Pages are part of what has to work.
    let page = (measurement.page)(&figures);
    if page.tables.iter().any(|table| table.rows.is_empty()) {
        return Err("there is a table without a row".into());
    }
    Ok(json!({
        "date": machine::today(), "machine": machine, "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
        "took_s": begun.elapsed().as_secs(), "figures": figures,
    }))
}
