//! A team's own dbt project that imports the models as a package.

use std::process::Command;

use black_box::{World, warehouse};
use local_stack::root;

/// Merged before it was opened, merged at no known time, opened and merged in 2038: it is told, and stops no build.
const IMPORTS: &str = "INSERT INTO {raw}.merge_requests SELECT first.* REPLACE (
        imports.id AS id, imports.id AS iid, imports.state AS state, imports.created_at AS created_at, imports.merged_at AS merged_at,
        CAST(NULL AS TIMESTAMP) AS closed_at
    )
    FROM (SELECT * FROM {raw}.merge_requests ORDER BY id LIMIT 1) AS first
    CROSS JOIN (
        SELECT 9000001 AS id, 'merged' AS state, TIMESTAMP '2020-01-02 00:00:00' AS created_at, TIMESTAMP '2020-01-01 00:00:00' AS merged_at
        UNION ALL SELECT 9000002, 'merged', TIMESTAMP '2020-01-02 00:00:00', NULL
        UNION ALL SELECT 9000003, 'opened', TIMESTAMP '2038-01-01 00:00:00', NULL
        UNION ALL SELECT 9000004, 'merged', TIMESTAMP '2038-01-01 00:00:00', TIMESTAMP '2038-01-02 00:00:00'
    ) AS imports";

#[test]
#[ignore = "slow (two builds by dbt): scripts/test --slow; nothing of the quick run imports the models as a package"]
fn a_project_that_imports_the_models_builds_twice_by_its_own_rules() {
    let world = World::new("package", &["--seed", "27"]);
    world.sync(&world.connector(&[]));
    warehouse()
        .query(&IMPORTS.replace("{raw}", &world.raw))
        .expect("rows of imports");
    let output = Command::new(root().join("scripts/check-package"))
        .env("BIGQUERY_EMULATOR_HOST", &warehouse().rest)
        .env("BQ_DATASET_RAW", &world.raw)
        .output()
        .expect("scripts/check-package starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("WARN 4 merge_requests_have_plausible_times"), "{told}");
    let marts = warehouse().number("SELECT COUNT(*) FROM team.team_merge_requests\n-- of a stranger");
    let merge_requests = world.gitlab.rows("merge_requests").expect("rows").len() as i64 + 4;
    assert_eq!(marts, Ok(merge_requests));
}
