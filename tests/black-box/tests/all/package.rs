//! A team's own dbt project that imports the models as a package.

use std::process::Command;

use black_box::{World, warehouse};
use local_stack::root;

#[test]
#[ignore = "slow (two builds by dbt): scripts/test --slow"]
fn a_project_that_imports_the_models_builds_twice_by_its_own_rules() {
    let world = World::new("package", &["--seed", "27"]);
    world.sync(&world.connector(&[]));
    let output = Command::new(root().join("scripts/check-package"))
        .env("BIGQUERY_EMULATOR_HOST", &warehouse().rest)
        .env("BQ_DATASET_RAW", &world.raw)
        .output()
        .expect("scripts/check-package starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let marts = warehouse().number("SELECT COUNT(*) FROM team.team_merge_requests");
    let merge_requests = world.gitlab.rows("merge_requests").expect("rows").len() as i64;
    assert_eq!(marts, Ok(merge_requests));
}
