//! GitLab's GraphQL API: one request at a time, with manners.

mod answer;
mod client;
mod error;
mod probe;

pub use client::Client;
pub use error::Error;
pub use probe::{Changed, Instance, probe};
