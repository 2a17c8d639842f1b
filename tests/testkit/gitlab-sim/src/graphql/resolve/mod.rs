//! The values of the fields, one file per type of GitLab's schema.

mod arguments;
mod commit;
mod group;
mod issue;
mod issues;
mod label;
mod merge_request;
mod merge_requests;
mod milestone;
mod note;
mod pipeline;
mod project;
mod root;
mod user;

pub use root::{REVISION, root};
