//! What is left when a process is killed, and when a run is cancelled or the function stopped.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Small, below, eventually, everything, lives, pid_of, signal, slow_model};

#[test]
#[ignore = "slow (real dbt is loaded again after each kill): scripts/test --slow; `a_worker_that_died_is_replaced` uses a stand-in for dbt"]
fn the_worker_and_its_child_may_be_killed_and_the_next_run_works() {
    let small = Small::new("kills");
    slow_model(&small);
    let function = small.start(1, &[]);
    let quick = json!({"select": "stg_orders"});
    function.run(&quick);
    let trigger = pid_of(&function);
    let worker = below(trigger)[0];
    let idle = below(worker);

    // The child alone: the worker stays warm.
    let run = function.begin(&json!({"select": "slow"}));
    let child = new_process(worker, &idle);
    std::thread::sleep(Duration::from_secs(1));
    signal("KILL", child);
    let told = function.wait_for(&run, &["error"]);
    assert!(
        told["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains("SIGKILL")),
        "{told:#}"
    );
    assert_eq!(below(trigger)[0], worker, "the worker is the same");

    // The worker in the middle of a run.
    let run = function.begin(&json!({"select": "slow"}));
    let child = new_process(worker, &idle);
    signal("KILL", worker);
    let told = function.wait_for(&run, &["error"]);
    assert!(
        told["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains("died during the run")),
        "{told:#}"
    );
    eventually("the child ends with its parent", || (!lives(child)).then_some(()));
    function.run(&quick);
    assert_ne!(below(trigger)[0], worker, "there is another one");
    let left: Vec<u32> = below(trigger).into_iter().filter(|pid| !lives(*pid)).collect();
    assert!(left.is_empty(), "zombies: {left:?}");
}

#[test]
#[ignore = "slow (it waits until a run must be over): scripts/test --slow; `nothing_outlives_a_killed_function` uses a stand-in for dbt"]
fn a_killed_function_leaves_no_process_and_its_run_is_told_as_lost() {
    let small = Small::new("killed");
    slow_model(&small);
    let mut function = small.start(1, &[]);
    function.run(&json!({"select": "stg_orders"}));
    let trigger = pid_of(&function);
    let idle = below(trigger);
    function.begin(&json!({"select": "slow"}));
    eventually("the history says that it runs", || {
        let rows = small.query("SELECT run_id FROM {}._dbt_runs WHERE status = 'running'");
        (!rows.is_empty()).then_some(())
    });
    let processes = below(trigger);
    assert!(processes.len() > idle.len(), "a child runs: {processes:?}");
    function.process.kill();
    for pid in processes {
        eventually("it ends with the function", || (!lives(pid)).then_some(()));
    }
    // Nobody runs longer than the limit and 10 s: then the next function knows.
    std::thread::sleep(Duration::from_secs(12));
    let next = small.start(2, &[("DBT_TIMEOUT_SECONDS", "1")]);
    eventually("the run is told as lost", || {
        let rows = small.query("SELECT problem FROM {}._dbt_runs WHERE status = 'lost'");
        (!rows.is_empty()).then_some(())
    });
    drop(next);
}

#[test]
#[ignore = "slow (a dbt of its own): scripts/test --slow; `trigger::quick` ends with the same"]
fn stopping_the_function_ends_the_run_within_ten_seconds_and_says_so_in_the_history() {
    let small = Small::new("stopped");
    slow_model(&small);
    let mut function = small.start(1, &[]);
    function.run(&json!({"select": "stg_orders"}));
    let trigger = pid_of(&function);
    let idle = below(trigger);
    function.begin(&json!({"select": "slow"}));
    new_process(trigger, &idle);
    std::thread::sleep(Duration::from_secs(1));
    let processes = below(trigger);
    let begun = Instant::now();
    signal("TERM", trigger);
    let status = function.process.wait().expect("it ends");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(status.success(), "{status}");
    assert!(processes.into_iter().all(|pid| !lives(pid)));
    let rows = small.query("SELECT status, problem FROM {}._dbt_runs WHERE 'slow' IN UNNEST(selectors)");
    assert_eq!(rows[0][0].as_deref(), Some("stopped"), "{rows:?}");
}

#[test]
#[ignore = "slow (a dbt of its own): scripts/test --slow; `trigger::quick` has the same"]
fn a_cancelled_run_ends_soon() {
    let small = Small::new("cancelled");
    slow_model(&small);
    let function = small.start(1, &[]);
    function.run(&json!({"select": "stg_orders"}));
    let trigger = pid_of(&function);
    let idle = below(trigger);
    let run = function.begin(&json!({"select": "slow"}));
    function.wait_for(&run, &["running"]);
    new_process(trigger, &idle);
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    let url = format!("{}/runs/{run}/cancel", function.url);
    let (status, answer) =
        local_stack::http::post(&url, Some(black_box::TRIGGER_TOKEN), &json!({})).expect("an answer");
    assert_eq!(status, 202, "{answer:#}");
    let told = function.wait_for(&run, &["cancelled"]);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(told["problem"], "the run was cancelled");
    assert_eq!(function.run(&everything_but_slow())["status"], "success");
}

#[test]
#[ignore = "slow (20 s of real dbt): scripts/test --slow; a stand-in for dbt is ended in the function's own tests"]
fn a_run_that_takes_longer_than_its_time_is_ended_with_all_its_processes() {
    let small = Small::new("timeout");
    slow_model(&small);
    let function = small.start(1, &[("DBT_TIMEOUT_SECONDS", "5")]);
    function.run(&json!({"select": "stg_orders"}));
    let trigger = pid_of(&function);
    let idle = below(trigger);
    let run = function.begin(&json!({"select": "slow"}));
    let child = new_process(trigger, &idle);
    let told = function.wait_for(&run, &["error"]);
    assert!(!lives(child), "{told:#}");
    let answer = eventually("the history says so", || {
        small
            .query("SELECT status, problem FROM {}._dbt_runs WHERE 'slow' IN UNNEST(selectors) AND status != 'running'")
            .first()
            .cloned()
    });
    assert!(
        answer[1]
            .as_deref()
            .is_some_and(|problem| problem.contains("longer than 5")),
        "{answer:?}"
    );
    assert_eq!(function.run(&json!({"select": "stg_orders"}))["status"], "success");
}

/// Waits for a process below `pid` that is not one of `idle`: the child of a run. (Python keeps a process
/// of its own there, too.)
pub fn new_process(pid: u32, idle: &[u32]) -> u32 {
    eventually("a child runs", || {
        below(pid).into_iter().find(|pid| !idle.contains(pid))
    })
}

fn everything_but_slow() -> serde_json::Value {
    let mut order = everything();
    order["exclude"] = json!("slow");
    order
}
