//! What Linux tells about processes.

/// The processes below `pid`, however deep.
#[must_use]
pub fn below(pid: u32) -> Vec<u32> {
    let mut all = Vec::new();
    // A process of many threads lists each thread's children apart.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let mut children: Vec<u32> = tasks
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|task| {
            let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect();
    children.sort_unstable();
    children.dedup();
    for child in children {
        all.push(child);
        all.extend(below(child));
    }
    all
}

/// Whether a process is there and no zombie.
#[must_use]
pub fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// A process's resident memory in KiB; 0 if it is not there.
#[must_use]
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
