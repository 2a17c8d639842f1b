//! Every JSON answer of the function, compared whole with the one that is written down in `snapshots/`.
//! `UPDATE_SNAPSHOTS=1` writes them down again.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::support::{Answer, Project, Trigger, eventually, one_model};

/// Answers by name.
#[derive(Default)]
struct Snapshots(Map<String, Value>);

impl Snapshots {
    fn add(&mut self, name: &str, answer: &Answer) {
        let mut body = answer.body.clone();
        assert!(!body.is_null(), "{name} is no JSON: {}", answer.text);
        steady(&mut body);
        let known = self
            .0
            .insert(name.to_owned(), json!({"status": answer.status, "body": body}));
        assert!(known.is_none(), "two answers are called {name}");
    }

    fn compare(self, file: &str) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/trigger/snapshots/{file}.json"));
        let text = format!("{:#}\n", Value::Object(self.0.clone()));
        if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|wanted| wanted == "1") {
            std::fs::write(&path, &text).expect("written");
        }
        let known: Map<String, Value> =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("snapshots")).expect("JSON");
        assert_eq!(
            self.0.keys().collect::<Vec<_>>(),
            known.keys().collect::<Vec<_>>(),
            "{file}: the answers"
        );
        for (name, answer) in &self.0 {
            assert_eq!(format!("{answer:#}"), format!("{:#}", known[name]), "{file}: {name}");
        }
    }
}

/// Puts fixed words in the place of what differs from run to run.
fn steady(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(steady),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let word = match name.as_str() {
                    "run_id" => "RUN",
                    "url" if value.is_string() => "/runs/RUN",
                    "queued_at" | "started_at" => "TIME",
                    "elapsed_s" => "SECONDS",
                    "project_version" => "COMMIT",
                    "version" => "VERSION",
                    "dbt_version" => "DBT",
                    _ => {
                        steady(value);
                        continue;
                    }
                };
                let is_empty = match value {
                    Value::Null => continue,
                    Value::String(text) => text.is_empty(),
                    Value::Number(_) => false,
                    other => panic!("{name} is {other}"),
                };
                assert!(!is_empty, "{name} is empty");
                *value = word.into();
            }
        }
        _ => {}
    }
}

/// A run of every kind that ended, each told as an answer, as one of the list, by itself, and from its file after a restart.
#[test]
fn runs_that_ended_are_told_as_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().to_str().expect("unicode").to_owned();
    let variables = [
        ("DBT_ARTIFACTS", kept.as_str()),
        ("BUILD_SCOPE", "changed"),
        ("DBT_TARGETS", "prod"),
    ];
    let project = Project::new(&one_model());
    let trigger = project.start(&variables);
    let mut snapshots = Snapshots::default();
    let failing = json!({"nodes": [
        {"id": "model.p.a", "status": "success", "rows": 3},
        {"id": "model.p.b", "status": "error", "message": "Syntax error at [3:7]", "after": ["model.p.a"]},
        {"id": "test.p.t.0123456789", "status": "fail", "message": "Got 2 results", "failures": 2, "after": ["model.p.a"]},
        {"id": "model.p.c", "status": "skipped", "after": ["model.p.b"]},
    ]});
    let warning = json!({"nodes": [
        {"id": "model.p.a", "status": "success"},
        {"id": "test.p.t.0123456789", "status": "warn", "message": "Got 1 result", "failures": 1, "after": ["model.p.a"]},
    ]});
    let mut stale = one_model();
    stale["sources"] = json!([{"id": "source.p.raw.a", "status": "pass"}, {"id": "source.p.raw.b", "status": "error"}]);
    let crash = json!({"nodes": [], "crash": "no credentials"});
    let ask = |body: Value| trigger.ask("POST", "/", &body.to_string());
    let runs = [
        (
            "success",
            &one_model(),
            json!({"source": "me", "sync_info": {"rows": 1}}),
        ),
        (
            "changed",
            &one_model(),
            json!({"sync_info": {"changed_tables": ["users", "mr_notes"]}}),
        ),
        (
            "nothing-changed",
            &one_model(),
            json!({"sync_info": {"changed_tables": []}}),
        ),
        (
            "selection",
            &one_model(),
            json!({"select": ["+a"], "exclude": "b", "full_refresh": true, "target": "prod", "vars": {"days": 3}, "source": "ci"}),
        ),
        ("failing", &failing, json!({})),
        ("retry", &one_model(), json!({"action": "retry"})),
        ("warning", &warning, json!({"action": "test", "select": "a"})),
        ("freshness", &stale, json!({"action": "freshness"})),
        ("docs", &one_model(), json!({"action": "docs"})),
        ("crash", &crash, json!({})),
    ];
    let mut ids = Vec::new();
    for (name, plan, body) in runs {
        trigger.project().plan(plan);
        let answer = ask(body);
        let run = if answer.body["run_id"].is_string() {
            &answer.body
        } else {
            &answer.body["details"]
        };
        ids.push((name, run["run_id"].as_str().expect("an id").to_owned()));
        snapshots.add(&format!("answer: {name}"), &answer);
    }
    for (name, id) in &ids {
        let url = format!("/runs/{id}");
        eventually("its summary is written", || {
            folder.path().join(id).join("run.json").is_file().then_some(())
        });
        snapshots.add(&format!("run: {name}"), &trigger.ask("GET", &url, ""));
        snapshots.add(
            &format!("run.json: {name}"),
            &trigger.ask("GET", &format!("{url}/artifacts/run.json"), ""),
        );
    }
    snapshots.add(
        "cancel: ended",
        &trigger.ask("POST", &format!("/runs/{}/cancel", ids[0].1), ""),
    );
    snapshots.add("list: ended", &trigger.ask("GET", "/runs", ""));
    drop(trigger);
    let next = Trigger::start(&one_model(), &variables);
    for (name, id) in &ids {
        snapshots.add(
            &format!("recorded: {name}"),
            &next.ask("GET", &format!("/runs/{id}"), ""),
        );
    }
    snapshots.compare("ended");
}

/// What is told before a run's end, and when it is ended early.
#[test]
fn runs_under_way_are_told_as_written_down() {
    let mut slow = one_model();
    slow["seconds"] = json!(60);
    let mut trigger = Trigger::start(&slow, &[("DBT_TIMEOUT_SECONDS", "30")]);
    let mut snapshots = Snapshots::default();
    let begun = trigger.ask("POST", "/?wait=false", r#"{"source":"first"}"#);
    snapshots.add("accepted", &begun);
    let first = begun.body["run_id"].as_str().expect("an id").to_owned();
    trigger.wait_for_build(1);
    snapshots.add("run: running", &trigger.ask("GET", &format!("/runs/{first}"), ""));
    let waits = trigger.ask("POST", "/?wait=false", r#"{"source":"second"}"#);
    snapshots.add("accepted: waiting", &waits);
    snapshots.add(
        "accepted: joined",
        &trigger.ask("POST", "/?wait=false", r#"{"source":"third"}"#),
    );
    let second = waits.body["run_id"].as_str().expect("an id").to_owned();
    snapshots.add("run: queued", &trigger.ask("GET", &format!("/runs/{second}"), ""));
    snapshots.add("list", &trigger.ask("GET", "/runs", ""));
    let joined = trigger.run_later();
    eventually("the third caller joins", || {
        (trigger.ask("GET", &format!("/runs/{second}"), "").body["callers"] == 3).then_some(())
    });
    snapshots.add(
        "cancel: waiting",
        &trigger.ask("POST", &format!("/runs/{second}/cancel"), ""),
    );
    snapshots.add(
        "cancel: running",
        &trigger.ask("POST", &format!("/runs/{first}/cancel"), ""),
    );
    trigger.wait_for_run(&first);
    trigger.wait_for_run(&second);
    snapshots.add("run: cancelled", &trigger.ask("GET", &format!("/runs/{first}"), ""));
    snapshots.add(
        "run: cancelled early",
        &trigger.ask("GET", &format!("/runs/{second}"), ""),
    );
    snapshots.add("answer: cancelled", &joined.join().expect("an answer"));
    let waiting = trigger.run_later();
    trigger.wait_for_build(2);
    trigger.signal("TERM");
    snapshots.add("answer: stopping", &waiting.join().expect("an answer"));
    trigger.ended();
    let limited = Trigger::start(&slow, &[("DBT_TIMEOUT_SECONDS", "1")]);
    snapshots.add("answer: timeout", &limited.run());
    snapshots.compare("under-way");
}

/// What needs no run.
#[test]
fn other_answers_are_as_written_down() {
    let trigger = Trigger::start(&one_model(), &[]);
    let mut snapshots = Snapshots::default();
    for (name, method, path, body) in [
        ("not JSON", "POST", "/", "{"),
        ("no object", "POST", "/", "[]"),
        ("unknown action", "POST", "/", r#"{"action":"drop"}"#),
        ("wrong selection", "POST", "/", r#"{"select":"--help"}"#),
        ("wrong target", "POST", "/", r#"{"target":"prod"}"#),
        ("unusable event", "POST", "/", r#"{"message":{"data":""}}"#),
        ("no runs", "GET", "/runs", ""),
        ("unknown run", "GET", "/runs/nope", ""),
        ("unknown artifact", "GET", "/runs/nope/artifacts/x", ""),
        ("cancel: unknown", "POST", "/runs/nope/cancel", ""),
        ("unknown path", "GET", "/nope", ""),
        ("wrong method", "DELETE", "/runs", ""),
    ] {
        snapshots.add(name, &trigger.ask(method, path, body));
    }
    for (name, path) in [("about", "/"), ("health", "/health"), ("no token", "/runs")] {
        snapshots.add(name, &trigger.send("GET", path, &[], ""));
    }
    let event =
        json!({"message": {"messageId": "1", "data": ""}, "subscription": "projects/p/subscriptions/s"}).to_string();
    let pushed = trigger.ask("POST", "/?wait=true", &event);
    snapshots.add("event", &pushed);
    snapshots.add("event: again", &trigger.ask("POST", "/", &event));
    trigger
        .project()
        .plan(&json!({"nodes": [{"id": "model.p.a", "status": "error", "message": "no"}]}));
    let event = event.replace("\"1\"", "\"2\"");
    snapshots.add("event: failing", &trigger.ask("POST", "/?wait=true", &event));
    snapshots.compare("other");
}
