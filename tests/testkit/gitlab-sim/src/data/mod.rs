//! What the simulated GitLab holds.

mod commits;
mod delivery;
mod derived;
mod edit;
mod edit_issues;
mod edit_projects;
mod label_changes;
mod order;
mod planning;
mod rows;
mod scope;
mod select;
pub mod system_notes;
mod table;
mod text;
mod transfer;
mod urls;
pub mod words;
mod world;

pub use commits::{Commit, commits, first_line, git_person};
pub use delivery::{Day, Delivery, LeadTime};
pub use derived::{detailed_merge_status, diff_stats, is_approved};
pub use label_changes::{LabelChange, LabelStep};
pub use order::{Column, Order, SortKey};
pub use planning::{Group, Issue, Label, Milestone, Owner};
pub use rows::{
    Deployment, Discussions, Head, Indices, MergeRequest, Note, Noteable, Pipeline, Project, Reviewer, Sha, Size,
    State, StateEvent, User, hex,
};
pub use scope::{is_below, projects_below, projects_where};
pub use select::{Filter, Listed, Span, select};
pub use table::Table;
pub use text::Text;
pub use urls::{issue_url, merge_request_url, milestone_path, note_url};
pub use world::{BASE_URL, Version, World};
