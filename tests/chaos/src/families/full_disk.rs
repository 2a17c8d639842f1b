//! A full disk. Without root there is no small file system to fill, so a limit takes its place: no file may grow
//! beyond a size (`RLIMIT_FSIZE`, with its signal ignored), and a write beyond fails with EFBIG where a full disk
//! says ENOSPC.

use local_stack::Failed;
use local_stack::processes::{below, lives};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use super::Round;
use crate::callers;
use crate::programs::Function;
use crate::world::World;

/// The warehouse can't write during a sync, and is started again when there is room.
pub fn for_the_warehouse(round: &mut Round, world: &World) -> Result<(), Failed> {
    let pid = round.ground.warehouse.process.id();
    let most = [0, 4 << 10, 256 << 10][round.random.below(3) as usize];
    limit(pid, Some(most))?;
    let answer = callers::sync(round.tally, &world.connector.url, &json!({"reconcile": true}), false);
    limit(pid, None)?;
    answer?;
    round.tally.faults("disk full for the warehouse", 1);
    // DuckDB refuses to go on after some of its writes failed.
    round.ground.restart()
}

/// dbt can't write its files; when there is room, the same process works again.
pub fn for_dbt(round: &mut Round, trigger: &Function) -> Result<(), Failed> {
    let function = trigger.process.id();
    let most = [0, 1 << 10, 64 << 10][round.random.below(3) as usize];
    let all: Vec<u32> = std::iter::once(function).chain(below(function)).collect();
    for pid in &all {
        limit(*pid, Some(most))?;
    }
    let answer = callers::run(round.tally, &trigger.url, &json!({}), false);
    // Processes that were started meanwhile inherited the limit.
    for pid in std::iter::once(function).chain(below(function)) {
        limit(pid, None)?;
    }
    let (status, said) = answer?.unwrap_or_default();
    if status == 200 && most == 0 {
        return Err(format!("dbt could write nothing and says that all went well: {said:#}"));
    }
    round.tally.faults("disk full for dbt", 1);
    Ok(())
}

/// Limits files of a process, if it still lives, to so many bytes from now on, or no more.
fn limit(pid: u32, bytes: Option<u64>) -> Result<(), Failed> {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let limits = Rlimit {
        current: bytes,
        maximum: None,
    };
    match prlimit(id, Resource::Fsize, limits) {
        Err(problem) if lives(pid) => Err(format!("the limit of process {pid} can't be set: {problem}")),
        _ => Ok(()),
    }
}
