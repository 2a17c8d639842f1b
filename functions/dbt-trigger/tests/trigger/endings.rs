//! How runs end that do not end by themselves; nothing may be left behind.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Trigger, assert_gone, eventually, one_model, send_signal};

/// A build of a minute, with a process that it does not wait for.
fn endless() -> Value {
    let mut plan = one_model();
    plan["seconds"] = json!(60);
    plan["leave"] = json!(true);
    plan
}

fn assert_timed_out(answer: &Answer) {
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (504, &json!("dbt_timeout")),
        "{answer:?}"
    );
}

#[test]
fn a_run_that_takes_too_long_is_ended_with_all_its_processes() {
    for kind in ["worker", "cli"] {
        let trigger = Trigger::start(&endless(), &[("DBT_TIMEOUT_SECONDS", "4"), ("DBT_RUNNER", kind)]);
        assert_timed_out(&trigger.run());
        let build = trigger.wait_for_build(1);
        assert_gone(&build["pid"]);
        assert_gone(&build["left"]);
        trigger.project().plan(&one_model());
        assert_eq!(trigger.run().status, 200, "{kind}: the next run works");
    }
}

#[test]
fn a_run_that_ignores_signals_is_killed_and_the_worker_stays() {
    let mut plan = endless();
    plan["ignore"] = json!(["SIGINT", "SIGTERM"]);
    let trigger = Trigger::start(&plan, &[("DBT_TIMEOUT_SECONDS", "1")]);
    assert_timed_out(&trigger.run());
    let first = trigger.wait_for_build(1);
    assert_gone(&first["pid"]);
    assert_gone(&first["left"]);
    trigger.project().plan(&one_model());
    assert_eq!(trigger.run().status, 200);
    assert_eq!(trigger.wait_for_build(2)["parent"], first["parent"]);
}

#[test]
fn a_worker_that_hangs_is_replaced() {
    let trigger = Trigger::start(&one_model(), &[("DBT_TIMEOUT_SECONDS", "1")]);
    assert_eq!(trigger.run().status, 200);
    let mut plan = one_model();
    plan["parse_seconds"] = json!(60);
    trigger.project().plan(&plan);
    assert_timed_out(&trigger.run());
    assert_gone(&trigger.wait_for_build(1)["parent"]);
    trigger.project().plan(&one_model());
    assert_eq!(trigger.run().status, 200);
}

#[test]
fn a_worker_that_died_is_replaced() {
    let trigger = Trigger::start(&one_model(), &[]);
    assert_eq!(trigger.run().status, 200);
    let first = trigger.wait_for_build(1)["parent"].as_i64().expect("its id");
    send_signal(first, "KILL");
    // Without a call: it is warm again before the next one comes.
    eventually("the project is parsed again", || {
        (trigger.calls("parse").len() == 2).then_some(())
    });
    trigger.project().plan(&endless());
    let caller = trigger.run_later();
    let second = trigger.wait_for_build(2);
    assert_ne!(second["parent"], first);
    send_signal(second["parent"].as_i64().expect("its id"), "KILL");
    let answer = caller.join().expect("an answer");
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("dbt_failed")));
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("died during the run"), "{message}");
    assert_gone(&second["pid"]);
    trigger.project().plan(&one_model());
    assert_eq!(trigger.run().status, 200);
}

#[test]
fn a_run_that_is_killed_from_outside_is_told() {
    let trigger = Trigger::start(&endless(), &[]);
    let caller = trigger.run_later();
    send_signal(trigger.wait_for_build(1)["pid"].as_i64().expect("its id"), "KILL");
    let answer = caller.join().expect("an answer");
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("dbt_failed")));
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("SIGKILL"), "{message}");
}

#[test]
fn stopping_the_function_ends_dbt_and_tells_the_callers() {
    for kind in ["worker", "cli"] {
        let mut trigger = Trigger::start(&endless(), &[("DBT_RUNNER", kind)]);
        let running = trigger.run_later();
        let build = trigger.wait_for_build(1);
        let waiting = trigger.run_later();
        eventually("the second caller waits", || {
            (trigger.log().matches("asks for a dbt run").count() == 2).then_some(())
        });
        let begun = Instant::now();
        trigger.signal("TERM");
        for caller in [running, waiting] {
            let answer = caller.join().expect("an answer");
            assert_eq!(
                (answer.status, &answer.body["code"]),
                (503, &json!("stopping")),
                "{kind}"
            );
        }
        assert!(trigger.ended().success(), "{kind}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "Cloud Run would have killed it"
        );
        for process in ["pid", "left"] {
            assert_gone(&build[process]);
        }
        if kind == "worker" {
            assert_gone(&build["parent"]);
        }
        let left: Vec<_> = std::fs::read_dir(trigger.project().path("tmp"))
            .expect("there")
            .collect();
        assert!(left.is_empty(), "{kind} left {left:?}");
    }
}

#[test]
fn nothing_outlives_a_killed_function() {
    let mut trigger = Trigger::start(&endless(), &[]);
    let caller = trigger.run_later();
    let build = trigger.wait_for_build(1);
    trigger.signal("KILL");
    trigger.ended();
    for process in ["parent", "pid", "left"] {
        assert_gone(&build[process]);
    }
    assert!(caller.join().is_err(), "nobody was there to answer");
}
