//! What is kept of runs: artifacts, pages; and where projects come from.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Project, TOKEN, Trigger, eventually, one_model};

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

fn git(directory: &Path, args: &[&str]) {
    let status = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(args)
        .current_dir(directory)
        .status();
    assert!(status.expect("git").success(), "{args:?}");
}

fn commit(repository: &Path, plan: &serde_json::Value) {
    std::fs::create_dir_all(repository.join("models")).expect("made");
    std::fs::write(repository.join("models/dbt_project.yml"), "name: p\n").expect("written");
    std::fs::write(repository.join("models/fake.json"), plan.to_string()).expect("written");
    git(repository, &["add", "."]);
    git(repository, &["commit", "--quiet", "-m", "a change"]);
}

#[test]
fn a_project_from_git_is_renewed_and_a_broken_version_leaves_the_old_one_running() {
    for kind in ["worker", "cli"] {
        let origin = tempfile::tempdir().expect("a folder");
        let work = origin.path().join("work");
        std::fs::create_dir(&work).expect("made");
        git(&work, &["init", "--quiet"]);
        commit(&work, &one_model());
        let bare = origin.path().join("project.git");
        git(origin.path(), &["clone", "--quiet", "--bare", "work", "project.git"]);
        git(&work, &["remote", "add", "origin", bare.to_str().expect("unicode")]);
        let trigger = Project::new(&one_model()).start(&[
            ("DBT_RUNNER", kind),
            ("DBT_PROJECT_DIR", ""),
            ("DBT_PROJECT_GIT_URL", bare.to_str().expect("unicode")),
            ("DBT_PROJECT_GIT_REF", "main"),
            ("DBT_PROJECT_SUBFOLDER", "models"),
            ("DBT_PROJECT_REFRESH_SECONDS", "250ms"),
        ]);
        let push = |plan: &serde_json::Value| {
            commit(&work, plan);
            git(&work, &["push", "--quiet", "origin", "HEAD:main"]);
        };
        let first = trigger.run();
        assert_eq!(first.status, 200, "{kind}: {first:?}");
        let version = first.body["project_version"].clone();
        assert!(version.as_str().is_some_and(|commit| commit.len() == 40), "{version}");
        push(&json!({"nodes": [], "parse_error": "no such macro 'x'"}));
        eventually("the broken version is told", || {
            trigger
                .log()
                .contains("is broken, so the one before stays in use")
                .then_some(())
        });
        assert!(trigger.log().contains("no such macro 'x'"));
        assert_eq!(
            trigger.run().body["project_version"],
            version,
            "{kind}: the old one goes on"
        );
        push(&json!({"nodes": [{"id": "model.p.a", "status": "success"}, {"id": "model.p.b", "status": "success"}]}));
        let renewed = eventually("the mended version is used", || {
            let run = trigger.run().body;
            (run["project_version"] != version).then_some(run)
        });
        assert_eq!(renewed["counts"]["success"], 2, "{kind}");
    }
}

#[test]
fn a_project_that_cannot_be_fetched_is_told_to_callers() {
    let trigger = Project::new(&one_model()).start(&[("DBT_PROJECT_DIR", ""), ("DBT_PROJECT_GIT_URL", "/nowhere.git")]);
    let answer = trigger.run();
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("dbt_failed")));
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("the project can't be fetched"), "{message}");
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
