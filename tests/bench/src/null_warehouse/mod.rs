//! A warehouse that takes everything at once: BigQuery's answers without its work.
//!
//! It speaks what the connector speaks — queries and tables over REST, the Storage Write API over gRPC — and keeps
//! cursors, who holds the lease, and how many rows each stage got; rows themselves are thrown away. So what is measured
//! with it is the connector alone: asking GitLab, making rows, encoding and sending them. A first sync needs no more,
//! because all that it asks a warehouse about its rows is answered truthfully by an empty one.

mod answers;
mod grpc;
mod messages;
mod server;
mod state;

pub use server::NullWarehouse;
