//! Projects that are fetched from elsewhere.

use std::path::PathBuf;

use local_stack::git;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Project, TOKEN, Trigger, eventually, one_model};

/// A Git repository with a project in its folder `models`.
struct Origin(TempDir);

impl Origin {
    fn new(plan: &Value) -> Self {
        let origin = Self(tempfile::tempdir().expect("a folder"));
        std::fs::create_dir(origin.work()).expect("made");
        git(&origin.work(), &["init", "--quiet"]);
        origin.commit(plan);
        git(origin.0.path(), &["clone", "--quiet", "--bare", "work", "project.git"]);
        git(&origin.work(), &["remote", "add", "origin", &origin.address()]);
        origin
    }

    fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    fn address(&self) -> String {
        let bare = self.0.path().join("project.git");
        bare.to_str().expect("unicode").to_owned()
    }

    fn commit(&self, plan: &Value) {
        let models = self.work().join("models");
        std::fs::create_dir_all(&models).expect("made");
        if !models.join("dbt_project.yml").exists() {
            self.write("models/dbt_project.yml", "name: p\n");
        }
        std::fs::write(models.join("packages.yml"), "packages: []\n").expect("written");
        std::fs::write(models.join("fake.json"), plan.to_string()).expect("written");
        git(&self.work(), &["add", "."]);
        git(&self.work(), &["commit", "--quiet", "-m", "a change"]);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.work().join(name), text).expect("written");
    }

    fn push(&self, plan: &Value) {
        self.commit(plan);
        git(&self.work(), &["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// A function that looks for new versions every quarter of a second.
    fn start(&self, runner: &str) -> Trigger {
        self.start_with(&[("DBT_RUNNER", runner)])
    }

    fn start_with(&self, more: &[(&str, &str)]) -> Trigger {
        let project = Project::new(&one_model());
        let (address, logs) = (self.address(), project.path("logs"));
        let variables = [
            ("DBT_PROJECT_DIR", ""),
            ("DBT_PROJECT_GIT_URL", address.as_str()),
            ("DBT_PROJECT_GIT_REF", "main"),
            ("DBT_PROJECT_SUBFOLDER", "models"),
            ("DBT_PROJECT_REFRESH_SECONDS", "250ms"),
            // The stand-in keeps its record there; dbt may write no other folder of this machine.
            ("DBT_LOG_PATH", logs.to_str().expect("unicode")),
        ];
        project.start(&[&variables, more].concat())
    }
}

#[test]
fn a_project_from_git_is_renewed_and_a_broken_version_leaves_the_old_one_running() {
    for kind in ["worker", "cli"] {
        let origin = Origin::new(&one_model());
        let trigger = origin.start(kind);
        let first = trigger.run();
        assert_eq!(first.status, 200, "{kind}: {first:?}");
        let version = first.body["project_version"].clone();
        assert!(version.as_str().is_some_and(|commit| commit.len() == 40), "{version}");
        origin.push(&json!({"nodes": [], "parse_error": "no such macro 'x'"}));
        eventually("the broken version is told", || {
            trigger
                .log()
                .contains("is broken, so the one before stays in use")
                .then_some(())
        });
        assert!(trigger.log().contains("no such macro 'x'"));
        eventually("the broken version's files are gone", || {
            let versions = trigger.versions();
            (versions == [version.as_str().expect("a commit")]).then_some(())
        });
        assert_eq!(
            trigger.run().body["project_version"],
            version,
            "{kind}: the old one goes on"
        );
        origin.push(
            &json!({"nodes": [{"id": "model.p.a", "status": "success"}, {"id": "model.p.b", "status": "success"}]}),
        );
        let renewed = eventually("the mended version is used", || {
            let run = trigger.run().body;
            (run["project_version"] != version).then_some(run)
        });
        assert_eq!(renewed["counts"]["success"], 2, "{kind}");
    }
}

#[test]
fn a_version_whose_packages_were_away_is_used_once_they_are_back() {
    for kind in ["worker", "cli"] {
        let hub = tempfile::tempdir().expect("a folder");
        let hub = hub.path().join("hub");
        let mut plan = one_model();
        plan["deps_need"] = json!(hub);
        let origin = Origin::new(&plan);
        let trigger = origin.start(kind);
        let refused = trigger.run();
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (500, &json!("dbt_failed")),
            "{kind}"
        );
        let message = refused.body["message"].as_str().unwrap_or_default();
        assert!(
            message.contains("the package hub is away") && message.contains("again in 250ms"),
            "{kind}: {message}"
        );
        let tries = eventually("it is tried again", || {
            let tries: Vec<_> = trigger
                .calls("deps")
                .iter()
                .filter_map(|call| call["at"].as_f64())
                .collect();
            (tries.len() >= 4).then_some(tries)
        });
        for (i, least) in [0.25, 0.5, 1.0].into_iter().enumerate() {
            assert!(tries[i + 1] - tries[i] >= least, "{kind}: {tries:?}");
        }
        std::fs::write(&hub, "").expect("written");
        let run = eventually("the same version is used", || {
            let run = trigger.run();
            (run.status == 200).then_some(run.body)
        });
        assert_eq!(run["counts"]["success"], 1, "{kind}");
    }
}

#[test]
fn a_fetched_project_reads_no_file_outside_of_it() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "the secret of another").expect("written");
    for kind in ["worker", "cli"] {
        let mut plan = one_model();
        plan["reads"] = json!(secret.path());
        let origin = Origin::new(&plan);
        let trigger = origin.start(kind);
        // As a macro of it would, while dbt runs; in the parsed project, and parsed anew for other variables.
        for body in ["", r#"{"vars": {"x": 1}}"#] {
            let answer = trigger.call("POST", Some(TOKEN), body);
            let message = answer.body["message"].as_str().unwrap_or_default();
            assert!(message.contains("outside of its folder"), "{kind}: {answer:?}");
            assert!(!answer.text.contains("the secret"), "{kind}: {answer:?}");
        }
        origin.write("models/dbt_project.yml", "name: p\nseed-paths: [../../../../etc]\n");
        origin.push(&one_model());
        eventually("the setting is told", || {
            trigger
                .log()
                .contains(
                    "models/dbt_project.yml: seed-paths names '../../../../etc', which is outside of what was fetched",
                )
                .then_some(())
        });
        assert!(!trigger.log().contains("the secret"), "{kind}");
    }
}

#[test]
fn a_directory_of_this_machine_is_its_operators_and_reads_what_it_wants() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "what an operator reads").expect("written");
    let trigger = Trigger::start(&json!({"nodes": [], "reads": file.path()}), &[]);
    assert!(trigger.run().text.contains("what an operator reads"));
}

#[test]
fn a_dbt_that_is_no_python_is_not_run_on_a_fetched_project_with_paths_that_lead_out() {
    let origin = Origin::new(&one_model());
    origin.write("models/dbt_project.yml", "name: p\nmodel-paths: [\"{{ '/etc' }}\"]\n");
    origin.push(&one_model());
    let trigger = origin.start_with(&[
        ("DBT_RUNNER", "cli"),
        (
            "DBT_EXECUTABLE",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/other_dbt/dbt"),
        ),
    ]);
    let message = trigger.run().body["message"].to_string();
    assert!(
        message.contains("model-paths is '{{ '/etc' }}', which is Jinja"),
        "{message}"
    );
    assert!(!trigger.project().path("logs/calls").exists(), "dbt was run");
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
fn a_machine_without_git_says_so() {
    let nothing = tempfile::tempdir().expect("a folder");
    let path = nothing.path().to_str().expect("unicode");
    let trigger = Project::new(&one_model()).start(&[
        ("DBT_PROJECT_DIR", ""),
        ("DBT_PROJECT_GIT_URL", "/nowhere.git"),
        ("PATH", path),
    ]);
    let answer = trigger.run();
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("git is not installed here"), "{message}");
}
