//! What has to hold after all that happened.

pub mod cursors;
pub mod equal;
pub mod marts;
pub mod memory;
pub mod others;
pub mod processes;
pub mod secrets;
