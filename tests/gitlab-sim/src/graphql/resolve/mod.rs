//! The values of the fields, one file per type of GitLab's schema.

mod arguments;
mod group;
mod label;
mod merge_request;
mod merge_requests;
mod note;
mod pipeline;
mod project;
mod root;
mod user;

pub use root::{REVISION, VERSION, root};
