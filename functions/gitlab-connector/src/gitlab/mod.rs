//! GitLab's APIs, asked with manners.

mod answer;
mod backoff;
mod client;
mod error;
#[cfg(test)]
mod fuzz;
mod limiter;
mod probe;
mod shape;
mod token;

#[cfg(test)]
pub use client::Call;
pub use client::{Client, Reply};
pub use error::Error;
pub use probe::{Changed, Instance, probe};
pub use token::TokenFacts;
