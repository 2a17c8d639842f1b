//! Client of GitLab's GraphQL and REST APIs: retries, adaptive concurrency, validated responses, packed queries.
//! It knows no stream, scope or table.

mod backoff;
mod batch;
mod client;
mod compose;
mod concurrency;
mod cost;
mod error;
#[cfg(test)]
mod fuzz;
mod graphql;
mod inner;
mod instance;
mod lacking;
mod limits;
mod links;
mod list;
mod pack;
mod page;
mod pager;
mod purpose;
mod repair;
mod response;
mod shape;
mod stranger;
#[cfg(test)]
mod testing;
mod token;
mod transport;
mod trust;
mod values;

pub use batch::{fetch, fetch_one};
pub use client::{Client, Patience};
pub use cost::LARGEST_PAGE;
#[cfg(test)]
pub use cost::of as score;
pub use error::Error;
pub use graphql::{Argument, Field, Selection};
pub use inner::{is_whole, read_on, with_ends};
pub use instance::{Changed, Instance, probe};
pub use links::{Next as NextPage, with_argument};
pub use list::{By, Connection, ISSUE, MERGE_REQUEST, Owner, RowKind};
pub use pack::fitting;
pub use page::{LeftOut, Page};
pub use pager::{Seen, all, all_of, next};
pub use purpose::Purpose;
pub use token::TokenFacts;
#[cfg(test)]
pub use transport::Call;
#[cfg(test)]
pub use transport::DRIPS;
pub use values::{gid, nodes_of, number_of, text_of, time_of};
