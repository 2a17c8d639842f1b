//! DORA's four keys and other figures on a history whose truth is known, since the simulated GitLab made it up and wrote it down.
//!
//! Its rows go straight into the raw tables, as a sync would leave them: that a sync does leave them so, row for row and in
//! each of these tables, `streams` and `sync` test, and ten thousand merge requests are read in a minute or two less that way.

use std::process::Command;

use black_box::{World, warehouse};
use local_stack::{root, venv_python};
use serde_json::json;

#[test]
#[ignore = "slow (two builds by dbt): scripts/test --slow; the unit tests of the models are computed on GoogleSQL in the quick run"]
fn the_four_keys_and_ten_figures_equal_a_known_truth() {
    // So close together that later merges overtake releases.
    equals_the_truth("delivery", "240", "120", "2");
}

/// 10,000 merge requests, 3,000 releases, 200 incidents and 50 rollbacks.
#[test]
#[ignore = "slow (minutes for ten thousand merge requests): scripts/test --slow; the unit tests of the models are computed on GoogleSQL in the quick run"]
fn the_four_keys_and_ten_figures_equal_the_truth_of_ten_thousand_merge_requests() {
    equals_the_truth("delivery_whole", "10000", "3000", "18");
}

fn equals_the_truth(name: &'static str, merge_requests: &str, releases: &str, months: &str) {
    let history = [
        "--seed",
        "20",
        "--merge-requests",
        merge_requests,
        "--deployments",
        releases,
        "--months",
        months,
        "--all-visible",
    ];
    let world = World::new(name, &history);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |step: &str| {
        let output = Command::new(venv_python("dbt"))
            .arg(root().join("tests/delivery/check.py"))
            .arg(step)
            .arg(folder.path())
            .args([&warehouse().rest, &world.raw, &world.modelled, &world.gitlab.url])
            .output()
            .expect("Python starts");
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        println!("{told}");
        assert!(output.status.success(), "{step}: {told}");
    };
    check("load");
    check("names");
    // People whom notes name get other names, and GitLab clears pipelines away; neither changes what happened.
    for number in 0..12 {
        let change = json!({"kind": "rename_user", "name": format!("renamed.{number}")});
        world.gitlab.change(&change).expect("a change");
    }
    let change = json!({"kind": "delete_pipeline", "count": 100});
    world.gitlab.change(&change).expect("a change");
    check("renew");
    check("marts");
}
