//! Runs as pages for people: made here, without a script, from the JSON that programs get.

mod layout;
mod list;
mod run;

pub use layout::{artifact, is_wanted};
pub use list::list;
pub use run::run;
