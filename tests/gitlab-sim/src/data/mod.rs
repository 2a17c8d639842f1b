//! What the simulated GitLab holds.

mod derived;
mod edit;
mod order;
mod rows;
mod scope;
mod select;
pub mod system_notes;
mod table;
mod text;
pub mod words;
mod world;

pub use derived::{detailed_merge_status, diff_stats, is_approved, merge_request_url, note_url};
pub use order::{Column, Order, SortKey};
pub use rows::{
    Discussions, Group, Label, LabelChange, MergeRequest, Milestone, Note, Pipeline, Project, Reviewer, Sha, Size,
    State, User, hex,
};
pub use scope::{projects_below, projects_where};
pub use select::{Filter, Span, merge_requests};
pub use table::Table;
pub use text::Text;
pub use world::{BASE_URL, World};
