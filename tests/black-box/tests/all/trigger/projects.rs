//! A real dbt on a project that comes from Git, with a package.

use std::process::Command;

use serde_json::{Value, json};

use super::{Function, Small, eventually};

#[test]
#[ignore = "slow: scripts/test --slow"]
fn a_project_from_git_is_renewed_with_its_packages_and_a_broken_version_leaves_the_old_one_running() {
    let small = Small::new("git");
    for (name, text) in [
        ("packages.yml", "packages:\n  - local: extra\n"),
        (
            "extra/dbt_project.yml",
            "name: extra\nversion: '1.0.0'\nconfig-version: 2\n",
        ),
        (
            "extra/macros/doubled.sql",
            "{% macro doubled(what) %}({{ what }} * 2){% endmacro %}\n",
        ),
        (
            "models/twice.sql",
            "{{ config(materialized='table') }}\nselect {{ extra.doubled('21') }} as n\n",
        ),
    ] {
        let folder = small.project().join(name);
        std::fs::create_dir_all(folder.parent().expect("a folder")).expect("made");
        small.write(name, text);
    }
    git(&small, &["init", "--quiet"]);
    commit(&small);
    let origin = small.project();
    let function = small.start(
        1,
        &[
            ("DBT_PROJECT_DIR", ""),
            ("DBT_PROJECT_GIT_URL", origin.to_str().expect("unicode")),
            ("DBT_PROJECT_GIT_REF", "main"),
            ("DBT_PROJECT_REFRESH_SECONDS", "1s"),
        ],
    );
    let first = run(&function);
    assert_eq!(first["status"], "success", "{first:#}");
    assert_eq!(doubled(&small).as_deref(), Some("42"));

    small.write("models/broken.yml", "models: [\n");
    commit(&small);
    eventually("the broken version is told", || {
        let log = function.process.log_text();
        log.contains("is broken, so the one before stays in use").then_some(())
    });
    assert_eq!(run(&function)["project_version"], first["project_version"]);

    small.write("models/broken.yml", "models: []\n");
    small.write(
        "extra/macros/doubled.sql",
        "{% macro doubled(what) %}({{ what }} + {{ what }} + 1){% endmacro %}\n",
    );
    commit(&small);
    eventually("the mended version is used", || {
        (run(&function)["project_version"] != first["project_version"]).then_some(())
    });
    assert_eq!(doubled(&small).as_deref(), Some("43"));
}

#[test]
#[ignore = "slow: scripts/test --slow"]
fn packages_are_installed_only_when_they_changed() {
    let small = Small::new("deps");
    std::fs::create_dir_all(small.project().join("extra/macros")).expect("made");
    small.write(
        "extra/dbt_project.yml",
        "name: extra\nversion: '1.0.0'\nconfig-version: 2\n",
    );
    small.write("packages.yml", "packages:\n  - local: extra\n");
    let function = small.start(1, &[]);
    let installed = || function.process.log_text().matches("running dbt deps").count();
    for _ in 0..2 {
        run(&function);
        assert_eq!(installed(), 1);
    }
    small.write("packages.yml", "packages:\n  - local: extra\n# another one may come\n");
    run(&function);
    assert_eq!(installed(), 2);
}

fn run(function: &Function) -> Value {
    function.run(&json!({"source": "test", "select": ["twice", "stg_orders"]}))
}

fn doubled(small: &Small) -> Option<String> {
    small.query("SELECT CAST(n AS STRING) FROM {}.twice")[0][0].clone()
}

fn commit(small: &Small) {
    git(small, &["add", "."]);
    git(small, &["commit", "--quiet", "-m", "a change"]);
}

fn git(small: &Small, args: &[&str]) {
    let own = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "init.defaultBranch=main",
    ];
    let status = Command::new("git")
        .args(own)
        .args(args)
        .current_dir(small.project())
        .status();
    assert!(status.expect("git").success(), "{args:?}");
}
