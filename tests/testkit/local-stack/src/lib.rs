//! The whole pipeline on one machine: the local warehouse, a simulated GitLab and both functions, each
//! a real process on a loopback port. The demo and the black-box tests start what they need.

mod git;
pub mod http;
mod parts;
mod paths;
mod process;
pub mod processes;
mod warehouse;

pub use git::git;
pub use parts::{Connector, GITLAB_TOKEN, Gitlab, Trigger, TriggerOptions, function, new_token, with_own_environment};
pub use paths::{binary, root, venv_python};
pub use process::{Failed, Process, free_port, stop_all};
pub use warehouse::{PROJECT, Rows, Warehouse};
