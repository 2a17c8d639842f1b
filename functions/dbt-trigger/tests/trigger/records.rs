//! What is kept of runs: artifacts and pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{TOKEN, Trigger, eventually, one_model};

fn run_id(trigger: &Trigger) -> String {
    trigger.run().body["run_id"].as_str().expect("an id").to_owned()
}

#[test]
fn each_runs_artifacts_are_kept_and_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("unicode");
    let trigger = Trigger::start(&one_model(), &[("DBT_ARTIFACTS", path)]);
    let id = run_id(&trigger);
    let url = format!("/runs/{id}");
    let told = trigger.ask("GET", &url, "").body;
    assert_eq!(told["artifacts"], json!(["run_results.json", "manifest.json"]));
    let results = trigger.ask("GET", &format!("{url}/artifacts/run_results.json"), "");
    assert_eq!(results.body["results"][0]["unique_id"], "model.p.a");
    for path in [
        format!("{url}/artifacts/..%2Frun.json"),
        format!("{url}/artifacts/fake.json"),
        format!("/runs/..%2F{id}/artifacts/manifest.json"),
        "/runs/nope/artifacts/manifest.json".to_owned(),
    ] {
        assert_eq!(trigger.ask("GET", &path, "").body["code"], "unknown_artifact", "{path}");
    }
    let kept = folder.path().join(&id);
    eventually("the summary is written", || {
        kept.join("run.json").is_file().then_some(())
    });
    assert_eq!(
        trigger
            .send("GET", &format!("{url}/artifacts/manifest.json"), &[], "")
            .status,
        401
    );
    drop(trigger);
    // Another process, such as the function's next revision, still tells about it.
    let next = Trigger::start(&one_model(), &[("DBT_ARTIFACTS", path)]);
    let told = next.ask("GET", &url, "").body;
    assert_eq!(
        (&told["status"], &told["nodes"][0]["name"]),
        (&json!("success"), &json!("a"))
    );
}

#[test]
fn documentation_is_served_as_dbt_made_it() {
    let trigger = Trigger::start(&one_model(), &[]);
    let answer = trigger.ask("POST", "/", r#"{"action":"docs"}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.body["run_id"].as_str().expect("an id").to_owned();
    let docs = trigger.ask("GET", &format!("/runs/{id}/artifacts/index.html"), "");
    assert!(
        docs.text.contains("dbt docs") && docs.head.contains("text/html"),
        "{docs:?}"
    );
    // Whatever is written in it can't act as its reader.
    assert!(
        docs.head.contains("content-security-policy: sandbox allow-scripts")
            && !docs.head.contains("allow-same-origin"),
        "{}",
        docs.head
    );
    let build = trigger.calls("docs");
    assert!(build[0]["args"].to_string().contains("--static"), "{build:?}");
    assert_eq!(
        trigger
            .ask("GET", &format!("/runs/{id}/artifacts/catalog.json"), "")
            .status,
        200
    );
}

#[test]
fn a_browser_gets_pages_and_is_asked_for_the_token() {
    let plan = json!({"nodes": [
        {"id": "model.p.a", "status": "success"},
        {"id": "model.p.b", "status": "error", "message": "Syntax error <at> [3:7]", "after": ["model.p.a"]},
    ]});
    let trigger = Trigger::start(&plan, &[]);
    let id = trigger.run().body["details"]["run_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let html = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let asked = trigger.send("GET", "/runs", &[html], "");
    assert_eq!(asked.status, 401);
    assert!(asked.head.contains("www-authenticate: basic"), "{}", asked.head);
    let basic = format!("Basic {}", STANDARD.encode(format!("me:{TOKEN}")));
    let list = trigger.send("GET", "/runs", &[html, ("Authorization", &basic)], "");
    assert!(
        list.text.contains(&format!("/runs/{id}")) && list.text.contains("<svg"),
        "{}",
        list.text
    );
    assert!(
        list.head.contains("content-security-policy: default-src 'none'"),
        "{}",
        list.head
    );
    let page = trigger.send("GET", &format!("/runs/{id}"), &[html, ("Authorization", &basic)], "");
    assert!(
        page.text.contains("Syntax error &lt;at&gt; [3:7]") && page.text.contains("after a"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script"), "{}", page.text);
    // Without the dialogue of a browser it is JSON.
    assert_eq!(trigger.ask("GET", &format!("/runs/{id}"), "").body["status"], "error");
}

#[test]
fn a_worker_that_has_grown_too_large_is_started_anew() {
    let trigger = Trigger::start(&one_model(), &[("DBT_WORKER_MEMORY_MIB", "128")]);
    // The fake dbt is small; ballast makes it large.
    let mut plan = one_model();
    plan["ballast_mib"] = json!(200);
    trigger.project().plan(&plan);
    assert_eq!(trigger.run().status, 200);
    let first = trigger.wait_for_build(1)["parent"].clone();
    trigger.project().plan(&one_model());
    assert_eq!(trigger.run().status, 200);
    assert_ne!(trigger.wait_for_build(2)["parent"], first);
    assert!(trigger.log().contains("starting another"), "{}", trigger.log());
}
