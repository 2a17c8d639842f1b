//! `scripts/demo`: the whole pipeline on this machine, once with all data and once with a few changes.

mod changes;
mod options;
mod report;
mod screen;
mod stack;
mod text;

use std::process::ExitCode;
use std::thread;

use local_stack::{Failed, stop_all};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use options::Options;
use screen::Screen;
use stack::Stack;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                eprintln!("\nstopping …");
                stop_all();
                std::process::exit(INTERRUPTED);
            }
        });
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nerror: {}", text::visible_lines(&problem));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    let screen = Screen::new();
    screen.heading("Starting the pipeline");
    let stack = Stack::start(options, &screen)?;
    screen.heading(&format!("Syncing {}", options.source()));
    let answer = stack.sync(&screen)?;
    report::sync(&screen, &answer);
    report::dbt(&screen, &answer["dbt"]);
    report::marts(&screen, &stack.warehouse)?;
    if let Some(gitlab) = &stack.gitlab {
        changes::show(&screen, &stack, gitlab)?;
    }
    screen.heading("Ask more");
    // While this runs, scripts/query finds its warehouse; afterwards it has to know the folder.
    let folder = match &options.own {
        Some(_) => format!("--data-dir .local/{} ", options.folder()),
        None => String::new(),
    };
    screen.line(&format!(
        "scripts/query {folder}'SELECT state, COUNT(*) AS n FROM mergemind.dim_merge_requests GROUP BY state'"
    ));
    if options.keep {
        stack.describe(&screen);
        screen.line("All of it runs until you press Ctrl-C.");
        loop {
            thread::park();
        }
    }
    Ok(())
}
