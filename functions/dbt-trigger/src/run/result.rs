//! What dbt says about a run (`run_results.json`), as callers and the log get it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use super::dbt_files::Results;
use super::error::RunError;
use super::node::Node;
use crate::dbt::{CommandResult, Exit};
use crate::request::{Action, ChangedRows, NodeSelection};

/// How many failed nodes a message names; the answer's details have all.
const NAMED: usize = 5;

/// A run that has ended; shared by all its callers.
#[derive(Debug)]
pub struct RunResult {
    pub run_id: String,
    pub action: Action,
    pub selection: NodeSelection,
    pub built: BuildSet,
    pub started_at: OffsetDateTime,
    pub elapsed: Duration,
    pub dbt_version: Option<String>,
    /// The nodes dbt came to; empty if it could not run.
    pub results: Results,
    pub outcome: Outcome,
    /// The project's commit or archive, if it was fetched.
    pub project_version: Option<String>,
}

/// How much of the project a run was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSet {
    /// All of it.
    All,
    /// What is downstream of these raw tables; nothing, if there are none.
    Changed(BTreeSet<String>),
    /// Of that only what leads to models tagged `live`, without tests: for an event that somebody waits for.
    Live {
        tables: BTreeSet<String>,
        /// The only rows, where they are known and few.
        rows: Option<ChangedRows>,
    },
    /// What the caller selected, or what the action itself says.
    AsAsked,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was built and every test passed.
    Success,
    /// Everything was built, but tests failed or warned.
    Warning,
    /// Nodes failed, or were skipped because others failed.
    NodesFailed,
    /// dbt could not run; why.
    CouldNotRun(String),
    /// It was ended because it took too long; the limit.
    TimedOut(Duration),
    /// It was ended because the function stops.
    Stopped,
    /// Somebody cancelled it.
    Cancelled,
    /// It was ended because its lease was lost: another instance has taken it.
    LeaseLost,
}

impl fmt::Display for BuildSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all of the project"),
            Self::Changed(tables) if tables.is_empty() => f.write_str("nothing, as nothing changed"),
            Self::Changed(tables) => {
                let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
                write!(f, "what is downstream of {}", tables.join(", "))
            }
            Self::Live { tables, rows } => {
                let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
                write!(f, "what leads from {} to live models", tables.join(", "))?;
                match rows {
                    Some(rows) => write!(f, ", for {} merge requests", rows.merge_requests.len()),
                    None => Ok(()),
                }
            }
            Self::AsAsked => f.write_str("as asked"),
        }
    }
}

/// Without its results nobody can say what dbt built, however well it says that it ended.
const NO_RESULTS: &str = "dbt ended with exit code 0 but left no results in its --target-path (run_results.json, or sources.json of \
    a freshness check); does it write artifacts (DBT_WRITE_JSON), and is it a dbt that does (DBT_EXECUTABLE)?";

impl Outcome {
    /// From how dbt ended and the results that it left; `None` if it wrote none.
    pub fn of(ended: &CommandResult, results: Option<&Results>, limit: Duration) -> Self {
        let complaint = || ended.log.complaint();
        match &ended.exit {
            Exit::TimedOut => Self::TimedOut(limit),
            Exit::Stopped => Self::Stopped,
            Exit::Cancelled => Self::Cancelled,
            Exit::LeaseLost => Self::LeaseLost,
            Exit::Lost(problem) => Self::CouldNotRun(match complaint() {
                Some(complaint) => format!("the dbt process is gone: {problem}: {complaint}"),
                None => format!("the dbt process is gone: {problem}"),
            }),
            Exit::Killed(signal) => Self::CouldNotRun(format!(
                "dbt was ended by {signal}, which did not come from here; the machine may have run out of memory"
            )),
            Exit::Exited(code @ 0..=1) => match results {
                Some(results) if results.has_failed() => Self::NodesFailed,
                // dbt counts a failed test as a failure, too.
                Some(results) if results.has_complaints() => Self::Warning,
                Some(_) if *code == 0 => Self::Success,
                None if *code == 0 => Self::CouldNotRun(NO_RESULTS.into()),
                _ => Self::CouldNotRun(complaint().unwrap_or_else(|| "dbt failed and did not say why".into())),
            },
            Exit::Exited(code) => Self::CouldNotRun(
                complaint().unwrap_or_else(|| format!("dbt ended with exit code {code} and did not say why")),
            ),
        }
    }
}

impl RunResult {
    /// Writes one line for each node and one for the run.
    pub fn log(&self) {
        for node in &self.results.nodes {
            node.log(&self.run_id);
        }
        let counts = &self.results.counts;
        // Levels are fixed where an event is written, hence a macro.
        macro_rules! line {
            ($level:ident, $($what:tt)*) => {
                tracing::$level!(
                    run_id = self.run_id.as_str(), event = "run_ended", status = self.status(),
                    elapsed_ms = self.elapsed.as_millis() as u64,
                    nodes = counts.total, failed = counts.fail + counts.error, skipped = counts.skipped,
                    $($what)*
                )
            };
        }
        match &self.outcome {
            Outcome::Success => line!(info, "dbt run ended: success"),
            Outcome::Warning => line!(warn, "dbt run ended: all built, but tests failed or warned"),
            Outcome::NodesFailed => line!(error, "dbt run ended: nodes failed"),
            Outcome::CouldNotRun(why) => line!(error, "dbt could not run: {why}"),
            Outcome::TimedOut(limit) => line!(error, "dbt run ended: it took longer than {limit:?}"),
            Outcome::Stopped => line!(warn, "dbt run ended: the function stops"),
            Outcome::Cancelled => line!(warn, "dbt run ended: it was cancelled"),
            Outcome::LeaseLost => line!(error, "dbt run ended: another instance has taken the lease"),
        }
    }

    /// Whether what was asked for was not done for a reason that lies in this instance, so that whoever asked
    /// should ask again.
    pub fn was_given_up(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Stopped | Outcome::LeaseLost | Outcome::CouldNotRun(_)
        )
    }

    /// How long it took, in seconds with three places.
    pub fn elapsed_s(&self) -> f64 {
        (self.elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0
    }

    /// One word for how it ended.
    pub fn status(&self) -> &'static str {
        match &self.outcome {
            Outcome::Success => "success",
            Outcome::Warning => "warning",
            Outcome::Stopped => "stopped",
            Outcome::Cancelled => "cancelled",
            Outcome::NodesFailed | Outcome::CouldNotRun(_) | Outcome::TimedOut(_) | Outcome::LeaseLost => "error",
        }
    }

    /// What went wrong, if something did. Failed tests are an error if `fail_on_test_failure`.
    pub fn error(&self, fail_on_test_failure: bool) -> Option<RunError> {
        match &self.outcome {
            Outcome::Warning if fail_on_test_failure && self.results.has_failed_tests() => {
                Some(RunError::TestsFailed(self.name_causes("tests failed")))
            }
            Outcome::Success | Outcome::Warning => None,
            Outcome::NodesFailed => Some(RunError::NodesFailed(self.name_causes("dbt failed"))),
            Outcome::CouldNotRun(why) => Some(RunError::CouldNotRun(why.clone())),
            Outcome::TimedOut(limit) => Some(RunError::TimedOut(*limit)),
            Outcome::Stopped => Some(RunError::Stopped),
            Outcome::Cancelled => Some(RunError::Cancelled),
            Outcome::LeaseLost => Some(RunError::LeaseLost),
        }
    }

    /// The same for people, failed tests included.
    pub fn problem(&self) -> Option<String> {
        self.error(true).map(|error| error.to_string())
    }

    fn name_causes(&self, what: &str) -> String {
        let causes: Vec<&Node> = self.results.causes().collect();
        let mut message = what.to_owned();
        for (i, node) in causes.iter().take(NAMED).enumerate() {
            let told = node.message.as_deref().unwrap_or(&node.status);
            let separator = if i == 0 { ": " } else { "; " };
            message += &format!("{separator}{} {}: {told}", node.kind, node.name);
        }
        if causes.len() > NAMED {
            message += &format!("; and {} more", causes.len() - NAMED);
        }
        match self.results.counts.skipped {
            0 => message,
            1 => message + " (1 node was skipped because of that)",
            n => message + &format!(" ({n} nodes were skipped because of that)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dbt_files;
    use super::*;
    use crate::dbt::Log;

    fn outcome(exit: Exit, statuses: &[(&str, &str)]) -> Outcome {
        let ended = CommandResult {
            exit,
            log: Log::default(),
            dbt_version: None,
        };
        let results = dbt_files::tests::results(statuses);
        Outcome::of(&ended, Some(&results), Duration::from_secs(9))
    }

    #[test]
    fn a_dbt_that_leaves_no_results_has_not_done_well() {
        for code in [0, 1, 2] {
            let ended = CommandResult {
                exit: Exit::Exited(code),
                log: Log::default(),
                dbt_version: None,
            };
            let outcome = Outcome::of(&ended, None, Duration::from_secs(9));
            assert!(matches!(outcome, Outcome::CouldNotRun(_)), "{code}: {outcome:?}");
        }
    }

    #[test]
    fn each_kind_of_run_has_its_verdict() {
        let built = ("model.p.a", "success");
        assert_eq!(
            outcome(Exit::Exited(0), &[built, ("test.p.t", "pass")]),
            Outcome::Success
        );
        assert_eq!(
            outcome(Exit::Exited(0), &[built, ("test.p.t", "warn")]),
            Outcome::Warning
        );
        assert_eq!(
            outcome(Exit::Exited(1), &[built, ("test.p.t", "fail")]),
            Outcome::Warning
        );
        for bad in [
            ("model.p.b", "error"),
            ("test.p.t", "error"),
            ("model.p.b", "skipped"),
            ("model.p.b", "partial success"),
        ] {
            assert_eq!(outcome(Exit::Exited(1), &[built, bad]), Outcome::NodesFailed, "{bad:?}");
        }
        assert_eq!(
            outcome(Exit::TimedOut, &[built]),
            Outcome::TimedOut(Duration::from_secs(9))
        );
        for exit in [
            Exit::Exited(2),
            Exit::Exited(1),
            Exit::Killed("SIGKILL".into()),
            Exit::Lost("x".into()),
        ] {
            assert!(
                matches!(outcome(exit.clone(), &[built]), Outcome::CouldNotRun(_)),
                "{exit:?}"
            );
        }
    }
}
