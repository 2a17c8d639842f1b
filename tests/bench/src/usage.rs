//! What a process has used, from `/proc`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use local_stack::Failed;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The kernel tells CPU time in hundredths of a second, whatever its own clock is (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of a process (user and system), in seconds, with that of its children that were waited for.
///
/// # Errors
/// If there is no such process.
pub fn cpu_seconds(pid: u32) -> Result<f64, Failed> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|e| format!("process {pid}: {e}"))?;
    // The name stands in parentheses and may hold blanks; the numbers come after it.
    let numbers: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    // utime, stime, cutime, cstime: fields 14 to 17 of the line, 12 to 15 behind the name.
    let ticks: f64 = numbers
        .iter()
        .skip(11)
        .take(4)
        .filter_map(|text| text.parse::<f64>().ok())
        .sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// CPU time of this process, in seconds.
///
/// # Errors
/// If `/proc` can't be read.
pub fn own_cpu_seconds() -> Result<f64, Failed> {
    cpu_seconds(std::process::id())
}

/// The most memory that a process ever had resident, in MB (10⁶ bytes).
///
/// # Errors
/// If there is no such process.
pub fn peak_mb(pid: u32) -> Result<f64, Failed> {
    kilobytes(Path::new(&format!("/proc/{pid}/status")), "VmHWM:")
        .map(to_mb)
        .ok_or_else(|| format!("process {pid} tells no peak"))
}

/// Memory that a process has resident, in MB; pages that it shares with others are counted in part (`Pss`).
pub fn own_mb(pid: u32) -> f64 {
    to_mb(proportional(pid))
}

/// Memory of a process and all below it, in MB: pages that several of them share are counted once (`Pss`).
pub fn family_mb(pid: u32) -> f64 {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(children(parent));
        next += 1;
    }
    to_mb(family.into_iter().map(proportional).sum())
}

fn proportional(pid: u32) -> f64 {
    kilobytes(Path::new(&format!("/proc/{pid}/smaps_rollup")), "Pss:").unwrap_or_default()
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|line| {
            line.split_whitespace()
                .filter_map(|text| text.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn kilobytes(file: &Path, name: &str) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn to_mb(kilobytes: f64) -> f64 {
    kilobytes * 1024.0 / 1e6
}

/// A command that ran to its end.
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Seconds.
    pub wall_s: f64,
    /// Seconds of CPU, of it and its children.
    pub cpu_s: f64,
    /// The most memory that it had resident, in MB.
    pub peak_mb: f64,
}

/// Runs a command to its end, or for `longest`; its output goes to `output`, its errors to `errors`.
///
/// # Errors
/// If it can't be started or has to be ended.
pub fn run(mut command: Command, output: &Path, errors: &Path, longest: Duration) -> Result<Ran, Failed> {
    let file = |path: &Path| fs::File::create(path).map_err(|e| format!("{}: {e}", path.display()));
    command.stdin(Stdio::null()).stdout(file(output)?).stderr(file(errors)?);
    let name = command.get_program().to_string_lossy().into_owned();
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("{name} can't be started: {e}"))?;
    let watched = watch(&mut child, begun, longest);
    let status = child.wait().map_err(|e| e.to_string())?;
    let (wall_s, cpu_s, peak_mb) = watched.map_err(|problem| format!("{name} {problem}"))?;
    Ok(Ran {
        status,
        wall_s,
        cpu_s,
        peak_mb,
    })
}

fn watch(child: &mut Child, begun: Instant, longest: Duration) -> Result<(f64, f64, f64), Failed> {
    let id = child.id();
    let pid = i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or("has no process id")?;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let mut peak = 0.0_f64;
    loop {
        if let Ok(now) = peak_mb(id) {
            peak = peak.max(now);
        }
        let ended = waitid(WaitId::Pid(pid), look).map_err(|e| e.to_string())?;
        if ended.is_some() {
            return Ok((begun.elapsed().as_secs_f64(), cpu_seconds(id)?, peak));
        }
        if begun.elapsed() > longest {
            let _ = child.kill();
            return Err(format!("did not end within {} s", longest.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_watched_to_its_end() {
        let folder = std::env::temp_dir().join(format!("bench-usage-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; exit 3",
        ]);
        let (output, errors) = (folder.join("out"), folder.join("err"));
        let ran = run(command, &output, &errors, Duration::from_secs(60)).expect("it runs");
        assert_eq!(ran.status.code(), Some(3));
        assert_eq!(fs::read_to_string(&output).expect("output"), "done\n");
        assert!(ran.peak_mb > 0.1 && ran.cpu_s > 0.0, "{} {}", ran.peak_mb, ran.cpu_s);
        let _ = fs::remove_dir_all(folder);
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let folder = std::env::temp_dir().join(format!("bench-endless-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut command = Command::new("sleep");
        command.arg("60");
        let ran = run(
            command,
            &folder.join("out"),
            &folder.join("err"),
            Duration::from_millis(50),
        );
        assert!(ran.is_err());
        let _ = fs::remove_dir_all(folder);
    }
}
