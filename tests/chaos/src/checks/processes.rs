//! No process outlives the one that started it.

use std::thread;
use std::time::{Duration, Instant};

use local_stack::Failed;
use local_stack::processes::lives;

use crate::tally::Tally;

/// How long the children of a killed process may take to notice.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until none of these is left.
///
/// # Errors
/// If some stay.
pub fn gone(pids: &[u32], tally: &Tally) -> Result<(), Failed> {
    let begun = Instant::now();
    loop {
        let left: Vec<u32> = pids.iter().copied().filter(|pid| lives(*pid)).collect();
        if left.is_empty() {
            tally.check("no child left");
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("processes outlive the one that started them: {left:?}"));
        }
        thread::sleep(Duration::from_millis(100));
    }
}
