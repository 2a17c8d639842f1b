//! A GitLab that answers from generated data.
pub mod changes;
pub mod data;
pub mod generate;
pub mod graphql;
pub mod instant;
pub mod journal;
pub mod poison;
pub mod random;
pub mod rest;
pub mod server;
pub mod truth;
pub mod webhooks;
