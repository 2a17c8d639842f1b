//! What is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the names of stages begin of what the connector notes for itself, such as whose rows there are.
const OWN: &str = "_stage__";

/// Cursors, and the rows that stages got.
#[derive(Debug, Default)]
pub struct State(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By stream and scope.
    cursors: HashMap<(String, String), String>,
    /// By the stage table's name.
    staged: HashMap<String, u64>,
    committed: u64,
}

impl State {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows to a stage; `path` is that of the stage or of a write stream of it.
    pub fn stage(&self, path: &str, rows: u64) {
        let table = path.split("/tables/").nth(1).unwrap_or_default();
        let table = table.split('/').next().unwrap_or_default();
        *self.kept().staged.entry(table.to_owned()).or_default() += rows;
    }

    /// Ends a stage; the rows that it got.
    pub fn take_stage(&self, table: &str) -> u64 {
        let mut kept = self.kept();
        let rows = kept.staged.remove(table).unwrap_or_default();
        if !table.starts_with(OWN) {
            kept.committed += rows;
        }
        rows
    }

    /// All rows of stages that were committed, but for what the connector notes for itself.
    pub fn committed(&self) -> u64 {
        self.kept().committed
    }

    /// Sets a cursor.
    pub fn set_cursor(&self, stream: String, scope: String, cursor: String) {
        self.kept().cursors.insert((stream, scope), cursor);
    }

    /// All cursors: stream, scope, position.
    pub fn cursors(&self) -> Vec<[String; 3]> {
        let kept = self.kept();
        let all = kept.cursors.iter();
        all.map(|((stream, scope), cursor)| [stream.clone(), scope.clone(), cursor.clone()])
            .collect()
    }
}
