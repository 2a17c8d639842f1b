//! Runs that nobody waits for, and what is told about them.

use std::time::Duration;

use serde_json::json;

use crate::support::{Trigger, assert_gone, one_model};

fn slow() -> serde_json::Value {
    let mut plan = one_model();
    plan["seconds"] = json!(60);
    plan["leave"] = json!(true);
    plan
}

#[test]
fn without_waiting_a_run_is_answered_by_its_id() {
    let trigger = Trigger::start(&one_model(), &[]);
    let answer = trigger.ask("POST", "/?wait=false", r#"{"source":"ci"}"#);
    assert_eq!(answer.status, 202, "{answer:?}");
    let run_id = answer.body["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(answer.body["url"], format!("/runs/{run_id}"));
    let told = trigger.wait_for_run(&run_id);
    assert_eq!((&told["status"], &told["source"]), (&json!("success"), &json!("ci")));
    assert_eq!(told["called_by"], json!([{"source": "ci", "caller": "token"}]));
    assert_eq!(told["nodes"][0]["name"], "a");
    let list = trigger.ask("GET", "/runs", "");
    assert_eq!(list.body["runs"][0]["run_id"], run_id);
    assert_eq!(list.body["runs"][0]["counts"]["success"], 1);
}

#[test]
fn runs_are_shown_only_to_who_belongs() {
    let trigger = Trigger::start(&one_model(), &[]);
    let run_id = trigger.run().body["run_id"].as_str().expect("an id").to_owned();
    for (method, path) in [
        ("GET", "/runs".to_owned()),
        ("GET", format!("/runs/{run_id}")),
        ("POST", format!("/runs/{run_id}/cancel")),
    ] {
        let answer = trigger.send(method, &path, &[], "");
        assert_eq!(answer.status, 401, "{method} {path}");
        assert!(!answer.text.contains(&run_id), "{}", answer.text);
    }
    assert_eq!(trigger.ask("GET", "/runs/nope", "").body["code"], "unknown_run");
}

#[test]
fn a_running_run_is_cancelled_with_all_its_processes() {
    for kind in ["worker", "cli"] {
        let trigger = Trigger::start(&slow(), &[("DBT_RUNNER", kind)]);
        let waiting = trigger.run_later();
        let build = trigger.wait_for_build(1);
        let run_id = trigger.ask("GET", "/runs", "").body["runs"][0]["run_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        assert_eq!(
            trigger.ask("GET", &format!("/runs/{run_id}"), "").body["status"],
            "running"
        );
        assert_eq!(trigger.ask("POST", &format!("/runs/{run_id}/cancel"), "").status, 202);
        let answer = waiting.join().expect("an answer");
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (409, &json!("cancelled")),
            "{kind}"
        );
        assert_eq!(trigger.wait_for_run(&run_id)["status"], "cancelled");
        assert_gone(&build["pid"]);
        assert_gone(&build["left"]);
        let again = trigger.ask("POST", &format!("/runs/{run_id}/cancel"), "");
        assert_eq!((again.status, &again.body["code"]), (409, &json!("run_ended")));
        trigger.project().plan(&one_model());
        assert_eq!(trigger.run().status, 200, "{kind}: the next run works");
    }
}

#[test]
fn a_run_that_ignores_signals_is_cancelled_all_the_same() {
    let mut plan = slow();
    plan["ignore"] = json!(["SIGINT", "SIGTERM"]);
    let trigger = Trigger::start(&plan, &[]);
    let run_id = trigger.ask("POST", "/?wait=false", "").body["run_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let build = trigger.wait_for_build(1);
    trigger.ask("POST", &format!("/runs/{run_id}/cancel"), "");
    assert_eq!(trigger.wait_for_run(&run_id)["status"], "cancelled");
    assert_gone(&build["pid"]);
    for signal in ["SIGINT", "SIGTERM", "SIGKILL"] {
        assert!(trigger.log().contains(&format!("sending {signal} to dbt")), "{signal}");
    }
}

#[test]
fn a_waiting_run_is_cancelled_before_it_begins() {
    let mut plan = one_model();
    plan["seconds"] = json!(1);
    let trigger = Trigger::start(&plan, &[]);
    let first = trigger.run_later();
    trigger.wait_for_build(1);
    let run_id = trigger.ask("POST", "/?wait=false", "").body["run_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(
        trigger.ask("GET", &format!("/runs/{run_id}"), "").body["status"],
        "queued"
    );
    trigger.ask("POST", &format!("/runs/{run_id}/cancel"), "");
    assert_eq!(first.join().expect("an answer").status, 200);
    assert_eq!(trigger.wait_for_run(&run_id)["status"], "cancelled");
    assert_eq!(trigger.calls("build").len(), 1);
}

#[test]
fn a_thousand_callers_at_once_make_two_runs_and_all_are_answered() {
    let mut plan = one_model();
    plan["seconds"] = json!(3);
    let trigger = Trigger::start(&plan, &[]);
    // The first run is under way before the others come, or a slow machine would spread them over three.
    let first = trigger.run_later();
    trigger.wait_for_build(1);
    let callers: Vec<_> = (1..1_000)
        .map(|_| {
            let address = trigger.address().to_owned();
            // Small stacks, so that a thousand of them fit anywhere.
            let caller = std::thread::Builder::new().stack_size(128 * 1024);
            caller.spawn(move || crate::support::order(&address)).expect("a thread")
        })
        .chain([first])
        .collect();
    for caller in callers {
        let answer = caller.join().expect("an answer");
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("success")));
    }
    assert_eq!(trigger.calls("build").len(), 2);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(trigger.calls("build").len(), 2, "no run is left over");
}
