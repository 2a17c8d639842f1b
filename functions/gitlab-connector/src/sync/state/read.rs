//! Reading cursors, of this version and of the one before.

use super::pass_state::PassState;
use super::v0_1;
use crate::sync::pass::Pass;

impl PassState {
    /// Reads a pass's cursor, also one that version 0.1 wrote. One that can't be read counts as none: everything is
    /// read again, and nothing lost.
    pub fn read(pass: Pass, cursor: Option<&str>) -> Self {
        let Some(cursor) = cursor else { return Self::new(pass) };
        let read = serde_json::from_str(cursor).or_else(|error| v0_1::read(pass, cursor).ok_or(error));
        match read {
            Ok(state) if Self::new(pass).is_same_pass(&state) => state,
            Ok(_) => {
                tracing::warn!("a cursor is another pass's, so its scope is read from the beginning");
                Self::new(pass)
            }
            Err(error) => {
                tracing::warn!("a cursor can't be read, so its scope is read from the beginning: {error}");
                Self::new(pass)
            }
        }
    }
}
