//! GitLab's APIs, asked with manners.

mod answer;
mod client;
mod error;
#[cfg(test)]
mod fuzz;
mod limiter;
mod probe;
mod shape;
mod token;

pub use client::Client;
pub use error::Error;
pub use probe::{Changed, Instance, probe};
pub use token::TokenFacts;
