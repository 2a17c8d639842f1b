//! Memory goes back to where it was.

use local_stack::Failed;
use local_stack::processes::resident_kib;

use crate::tally::Tally;

/// What a function may have more in memory at the end of a round than after its first healed sync, in KiB:
/// allocators keep some of what a burst of callers needed.
const MORE: u64 = 64 << 10;

/// A process whose memory is watched.
pub struct Watch {
    name: &'static str,
    pid: u32,
    before: u64,
}

impl Watch {
    /// From now on.
    pub fn begin(name: &'static str, pid: u32) -> Self {
        Self {
            name,
            pid,
            before: resident_kib(pid),
        }
    }

    /// Looks whether it is back.
    ///
    /// # Errors
    /// If it is not.
    pub fn end(self, tally: &Tally) -> Result<(), Failed> {
        let now = resident_kib(self.pid);
        tally.grew(self.name, now.saturating_sub(self.before));
        if now > self.before + MORE {
            return Err(format!("{} grew from {} to {now} KiB", self.name, self.before));
        }
        tally.check("memory back");
        Ok(())
    }
}
