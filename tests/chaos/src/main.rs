//! `scripts/chaos`: breaks the pipeline in every way it knows, and looks whether anything was lost.

mod callers;
mod changes;
mod checks;
mod families;
mod ground;
mod options;
mod poisons;
mod programs;
mod proxy;
mod run;
mod tally;
mod world;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use local_stack::stop_all;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use options::{Asked, HELP, Options};
use run::Run;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("error: {problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let run = Arc::new(Run::new(options));
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        let told = run.clone();
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                eprintln!("\nstopping …");
                // What dies now is no finding: what was counted until now is told.
                let _ = told.tell();
                stop_all();
                std::process::exit(INTERRUPTED);
            }
        });
    }
    match run.all() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
