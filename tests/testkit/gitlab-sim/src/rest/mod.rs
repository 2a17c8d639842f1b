//! GitLab's REST API, version 4, as far as a client reads lists that GraphQL lacks or makes dear.
//!
//! Nothing here is kept: each list follows from the rows of the world, so a change of those shows in all that hangs
//! on them. Beside its JSON, each list states the rows that a warehouse should hold of it.

mod boards;
mod branches;
mod closes;
mod commits;
mod deployments;
mod environments;
mod epic_issues;
mod epics;
mod events;
mod features;
mod format;
mod groups;
mod history;
mod instance;
mod iterations;
mod jobs;
mod members;
mod merge_requests;
mod page;
mod pipelines;
mod projects;
mod releases;
mod request;
mod review;
mod routes;
mod tags;
mod truth;
mod users;
mod variables;
mod vulnerabilities;

pub use request::{Reply, Request, Token};
pub use routes::{answer, template};
pub use truth::rows;
pub use variables::CANARY;
