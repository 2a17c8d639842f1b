//! Takes in processes that nobody else waits for. In a container this function is process 1, to which
//! the kernel hands whatever a killed run has left behind; unwaited for, each stays as a zombie.

use std::collections::HashSet;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};

/// Remembers the zombies of the last look.
#[derive(Debug, Default)]
pub struct Orphans {
    seen: HashSet<i32>,
}

impl Orphans {
    /// Takes in those that were there at the last look already: children that somebody here waits for
    /// are zombies for a moment only.
    pub fn take_in(&mut self) {
        let zombies: HashSet<i32> = zombies().collect();
        for pid in zombies.intersection(&self.seen) {
            if let Some(pid) = Pid::from_raw(*pid)
                && matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_)))
            {
                tracing::debug!(
                    pid = pid.as_raw_nonzero().get(),
                    "took in a process that a run left behind"
                );
            }
        }
        self.seen = zombies;
    }
}

/// Children of ours that have ended, where the system tells (Linux).
fn zombies() -> impl Iterator<Item = i32> {
    let me = getpid().as_raw_nonzero().get();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(move |entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // `1234 (name, which may hold anything) Z 1 …`
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        let (dirs, parent) = (fields.next()?, fields.next()?.parse::<i32>().ok()?);
        (dirs == "Z" && parent == me).then_some(pid)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    // Not waiting for a child is what this is about.
    #[allow(clippy::zombie_processes)]
    #[test]
    fn a_zombie_is_taken_in_at_the_second_look() {
        let child = std::process::Command::new("true").spawn().expect("it starts");
        let pid = i32::try_from(child.id()).expect("a process id");
        let begun = std::time::Instant::now();
        while !zombies().any(|zombie| zombie == pid) {
            assert!(begun.elapsed().as_secs() < 20, "it does not end");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut orphans = Orphans::default();
        orphans.take_in();
        assert!(
            zombies().any(|zombie| zombie == pid),
            "somebody may be about to wait for it"
        );
        orphans.take_in();
        assert!(!zombies().any(|zombie| zombie == pid));
    }
}
