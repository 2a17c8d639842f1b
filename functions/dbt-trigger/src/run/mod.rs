//! A run of dbt, from the moment somebody asks for it to what became of every node.

mod dbt_files;
mod error;
mod manifest;
mod node;
mod result;
#[allow(clippy::module_inception, reason = "the run itself")]
mod run;
mod view;

#[cfg(test)]
pub use dbt_files::tests::results as results_of;
pub use dbt_files::{Results, ResultsError};
pub use error::RunError;
pub use node::{Counts, Node};
pub use result::{BuildSet, Outcome, RunResult};
pub use run::{CalledBy, Run, Runs};
pub use view::{CountsView, RunView, rfc3339, url_of};
