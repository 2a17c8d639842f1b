//! GitLab's APIs, asked with manners.

mod answer;
mod backoff;
#[allow(dead_code)]
mod batch;
mod client;
#[allow(dead_code)]
mod cost;
#[allow(dead_code)]
mod error;
#[cfg(test)]
mod fuzz;
#[allow(dead_code)]
mod graphql;
mod limiter;
#[allow(dead_code)]
mod list;
#[allow(dead_code)]
mod pack;
#[allow(dead_code)]
mod pager;
mod probe;
mod shape;
#[allow(dead_code)]
mod sizes;
#[cfg(test)]
mod testing;
mod token;

use sizes::PageSizes;

#[cfg(test)]
pub use client::Call;
pub use client::{Client, Reply};
pub use error::Error;
pub use probe::{Changed, Instance, probe};
pub use token::TokenFacts;
