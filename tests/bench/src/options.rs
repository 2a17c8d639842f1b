//! The command line.

use std::path::PathBuf;

use local_stack::Failed;

use crate::measure::{ALL, Measurement};
use crate::slow_warehouse::Pace;

/// What `--help` prints.
pub const HELP: &str = "usage: scripts/bench [--only NAME,…] [--short] [--pace NUMBERS] [--trace FILE] [--tap-gitlab FOLDER] | --render

Measures the pipeline and its peers on this machine, and writes docs/bench/results.json, docs/bench.md and its pictures.
Measurements: first_sync, idle, warehouse, start, trigger, event, growth, bigquery-like.

  --only NAME,…        only these; the results of the others stay
  --short              all of it in a tiny form that is only printed, with the programs that scripts/test builds and no peers
  --pace NUMBERS       what things take in bigquery-like: ms of a query job, of each further statement that changes data, of any
                       other request, and MB read in a second; 1200,500,50,2000 unless set
  --trace FILE         writes each request of bigquery-like into a file, a line each
  --tap-gitlab FOLDER  a checkout of https://github.com/MeltanoLabs/tap-gitlab (AGPL-3.0), which is on no registry
  --render             only writes the documents anew";

/// What to do.
pub enum Task {
    /// Print the help.
    Help,
    /// Measure.
    Measure(Options),
    /// Write the documents anew.
    Render,
    /// Be the classic algorithm, for a measurement that started this process.
    Classic {
        /// GitLab's address.
        address: String,
        /// Whose projects.
        group: String,
        /// How many merge requests at most.
        most: usize,
    },
}

/// How to measure.
pub struct Options {
    /// What.
    pub measurements: Vec<&'static Measurement>,
    /// In a tiny form.
    pub short: bool,
    /// A checkout of tap-gitlab.
    pub tap_gitlab: Option<PathBuf>,
    /// The warehouse's pace where it is slowed down; BigQuery's in the long form and none in the short one, unless set.
    pub pace: Option<Pace>,
    /// Where requests to the warehouse that is slowed down are written, if anywhere.
    pub trace: Option<PathBuf>,
}

/// Reads arguments.
///
/// # Errors
/// If one is not understood.
pub fn read(arguments: Vec<String>) -> Result<Task, Failed> {
    let mut options = Options {
        measurements: ALL.iter().collect(),
        short: false,
        tap_gitlab: None,
        pace: None,
        trace: None,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value; see --help"))
        };
        match argument.as_str() {
            "-h" | "--help" => return Ok(Task::Help),
            "--render" => return Ok(Task::Render),
            "classic" => {
                return Ok(Task::Classic {
                    address: value()?,
                    group: value()?,
                    most: value()?.parse().map_err(|_| "the count is no number")?,
                });
            }
            "--short" => options.short = true,
            "--tap-gitlab" => options.tap_gitlab = Some(value()?.into()),
            "--trace" => options.trace = Some(value()?.into()),
            "--pace" => options.pace = Some(value()?.parse()?),
            "--only" => {
                let names = value()?;
                options.measurements = names.split(',').map(named).collect::<Result<_, _>>()?;
            }
            other => return Err(format!("{other} is not understood; see --help")),
        }
    }
    Ok(Task::Measure(options))
}

fn named(name: &str) -> Result<&'static Measurement, Failed> {
    let found = ALL.iter().find(|measurement| measurement.name == name.trim());
    found.ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|measurement| measurement.name).collect();
        format!("there is no measurement {name}; known: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Result<Task, Failed> {
        read(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn only_named_measurements_are_taken() {
        let Ok(Task::Measure(options)) = arguments("--short --only start,idle") else {
            panic!("not understood");
        };
        let names: Vec<&str> = options
            .measurements
            .iter()
            .map(|measurement| measurement.name)
            .collect();
        assert_eq!(names, ["start", "idle"]);
        assert!(options.short);
    }

    #[test]
    fn the_unknown_is_refused_and_all_names_are_in_the_help() {
        assert!(arguments("--only nothing").is_err() && arguments("--only").is_err() && arguments("--fast").is_err());
        assert!(ALL.iter().all(|measurement| HELP.contains(measurement.name)));
    }
}
