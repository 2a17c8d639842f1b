//! What the functions of MergeMind Pipeline share: the functions framework, configuration, secrets,
//! telemetry, errors, and access to BigQuery.

pub mod auth;
pub mod config;
pub mod dedup;
pub mod error;
pub mod functions_framework;
#[cfg(test)]
mod fuzz;
pub mod id_token;
pub mod retry;
pub mod secret;
pub mod streams;
pub mod telemetry;
pub mod throttle;
pub mod unproven;
pub mod warehouse;

pub use error::ApiError;
pub use secret::Secret;
