//! A GitLab that answers from generated data.
pub mod data;
pub mod generate;
pub mod graphql;
pub mod instant;
pub mod random;
