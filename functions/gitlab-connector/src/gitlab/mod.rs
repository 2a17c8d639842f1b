//! Client of GitLab's GraphQL and REST APIs: retries, adaptive concurrency, validated responses, packed queries.
//! It knows no stream, scope or table.

mod backoff;
#[allow(dead_code)]
mod batch;
mod client;
mod concurrency;
mod connection;
#[allow(dead_code)]
mod cost;
#[allow(dead_code)]
mod error;
#[cfg(test)]
mod fuzz;
#[allow(dead_code)]
mod graphql;
mod instance;
#[allow(dead_code)]
mod list;
#[allow(dead_code)]
mod pack;
mod page_size;
#[allow(dead_code)]
mod pager;
mod response;
mod shape;
#[allow(dead_code)]
mod sizes;
#[cfg(test)]
mod testing;
mod token;
mod values;

use sizes::PageSizes;

#[cfg(test)]
pub use client::Call;
pub use client::{Client, Reply};
pub use connection::{next_of, nodes_of};
pub use error::Error;
pub use instance::{Changed, Instance, probe};
pub use page_size::{LARGEST_PAGE, PageSize, Parts};
pub use token::TokenFacts;
pub use values::{gid, number_of, text_of, time_of};
