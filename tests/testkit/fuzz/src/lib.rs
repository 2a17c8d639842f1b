//! Fuzzing on stable Rust: inputs grow by mutation out of a committed corpus, and an input whose outcome is a
//! new one is mutated further.
//!
//! A target is a unit test beside what it tries. It gives each input to a check, which panics where a
//! promise is broken and otherwise tells in a few words what came of it, such as `refused: unknown_action`.
//! Those outcomes stand in for the coverage that a compiler's instrumentation would tell: this needs no
//! nightly compiler.
//!
//! ```no_run
//! use fuzz::{Shape, Target};
//!
//! Target::new("doctest", Shape::Json).reaches(&["refused"]).run(|input| match std::str::from_utf8(input) {
//!     Ok(text) => format!("{} lines", text.lines().count().min(3)),
//!     Err(_) => "refused".into(),
//! });
//! ```
//!
//! Runs are the same for the same seed, corpus and number of cases. `FUZZ_CASES`, `FUZZ_SEED`, `FUZZ_MINUTES`
//! and `FUZZ_CASE` (a file with one input) change what is tried; `scripts/fuzz` sets them.

mod corpus;
mod failure;
mod mutate;
pub mod random;
pub mod request;
mod settings;
mod target;

pub use mutate::Shape;
pub use target::Target;
