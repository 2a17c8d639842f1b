//! Choosing what to sync, and how the connector is told.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;

use black_box::{World, warehouse, warehouse_rows};
use local_stack::{GITLAB_TOKEN, binary, http, with_own_environment};
use serde_json::{Value, json};

const TOKEN: &str = "callers-0c1f6e1f5b7a2d90";

#[test]
fn a_start_date_leaves_older_rows_out_and_projects_can_be_discovered() {
    let world = World::new("discovery", &["--seed", "61", "--merge-requests", "60"]);
    let newest = world.gitlab.rows("merge_requests").expect("rows");
    let mut times: Vec<String> = newest
        .iter()
        .map(|row| row["updated_at"].as_str().expect("a time").to_owned())
        .collect();
    times.sort();
    let start = times[times.len() / 2].clone();
    let connector = world.connector(&[
        ("GITLAB_GROUPS", ""),
        ("AUTO_DISCOVER_PROJECTS", "true"),
        ("PROJECT_NAME_PATTERN", "acme/*"),
        ("INCLUDE_ARCHIVED", "true"),
        ("START_DATE", &start),
        ("AUTH_TOKEN", TOKEN),
        ("ALLOW_SETTINGS_IN_BODY", "true"),
    ]);
    world.sync(&connector);
    let expected = newest
        .iter()
        .filter(|row| row["updated_at"].as_str() >= Some(start.as_str()))
        .count();
    assert_eq!(
        warehouse_rows(warehouse(), &world.raw, "merge_requests").len(),
        expected
    );

    // Fewer: by number, then the oldest; and without archived and private ones.
    let mut projects = world.gitlab.rows("projects").expect("projects");
    projects.sort_by_key(|row| row["id"].as_i64());
    let all = paths(projects.iter());
    let open = projects
        .iter()
        .filter(|row| row["archived"] == false && row["visibility"] != "private");
    let fewer = [
        (
            json!({"max_projects_to_sync": "2"}),
            paths(projects[..2].iter()),
            all.len() - 2,
        ),
        (
            json!({"include_archived": "false", "include_private_projects": "false"}),
            paths(open),
            0,
        ),
    ];
    for (number, (mut body, expected, left_out)) in fewer.into_iter().enumerate() {
        assert!(!expected.is_empty() && expected.len() < all.len(), "it proves nothing");
        assert!(
            !expected.iter().eq(all.iter().take(expected.len())),
            "the first by path prove nothing"
        );
        let other = format!("{}_{number}", world.raw);
        body["bq_dataset_raw"] = json!(other);
        body["gitlab_token"] = json!(GITLAB_TOKEN);
        body["streams"] = json!(["projects"]);
        let (status, answer) = http::post(&connector.url, Some(TOKEN), &body).expect("an answer");
        assert_eq!(
            (status, &answer["projects_left_out"]),
            (200, &json!(left_out)),
            "{answer:#}"
        );
        let rows = warehouse_rows(warehouse(), &other, "projects");
        assert_eq!(paths(rows.iter()), expected, "{body}");
    }
}

fn paths<'a>(projects: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    projects.map(|row| row["full_path"].to_string()).collect()
}

#[test]
#[ignore = "slow (a minute of syncs): scripts/test --slow; the simulations sync single projects"]
fn projects_are_named_by_path_or_id_and_are_read_together() {
    let world = World::new("single", &["--seed", "63", "--projects", "4", "--merge-requests", "40"]);
    let projects = world.gitlab.rows("projects").expect("projects");
    let named = projects.iter().enumerate().map(|(place, row)| match place % 2 {
        0 => row["full_path"].as_str().expect("a path").to_owned(),
        _ => row["id"].to_string(),
    });
    let named: Vec<String> = named.chain(["nobody/nothing".to_owned()]).collect();
    let connector = world.connector(&[("GITLAB_GROUPS", ""), ("GITLAB_PROJECTS", &named.join(","))]);
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!((status, &answer["complete"]), (200, &json!(true)), "{answer:#}");
    assert_eq!(answer["warnings"][0]["scope"], "project:nobody/nothing", "{answer:#}");
    assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(1), "{answer:#}");
    for table in [
        "projects",
        "users",
        "merge_requests",
        "mr_notes",
        "mr_labels",
        "pipelines",
        "issues",
    ] {
        world.assert_equal_rows(table);
    }

    world.gitlab.change(&json!({"kind": "comment"})).expect("a change");
    world.gitlab.stats_reset().expect("a reset");
    let (status, answer) = connector.sync().expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    world.assert_equal_rows("mr_notes");
    let asked = world.gitlab.stats().expect("statistics")["requests"]["total"].as_u64();
    assert!(
        asked <= Some(10),
        "one comment in four projects cost {asked:?} requests"
    );

    // Only one of them has a cursor of its own.
    world.gitlab.change(&json!({"kind": "comment"})).expect("a change");
    for scope in &named[..2] {
        let (status, answer) = http::post(&connector.url, None, &json!({"scopes": [scope]})).expect("an answer");
        assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer:#}");
        assert!(
            answer["streams"].to_string().contains(&format!("project:{scope}")),
            "{answer:#}"
        );
    }
}

#[test]
#[ignore = "slow (several syncs): scripts/test --slow; stopping at a deadline is in the quick run"]
fn a_sync_stops_at_its_number_of_rows_and_the_next_goes_on() {
    let world = World::new("pieces", &["--seed", "62", "--merge-requests", "220"]);
    let connector = world.connector(&[("MAX_RECORDS_PER_SYNC", "800")]);
    let mut syncs = 0;
    loop {
        syncs += 1;
        let (status, answer) = connector.sync().expect("an answer");
        assert_eq!(status, 200, "{answer:#}");
        if answer["complete"] == true {
            break;
        }
        assert_eq!(answer["status"], "partial");
        assert!(syncs < 40, "it does not come to an end: {answer:#}");
    }
    assert!(syncs > 2, "it was never cut short");
    world.assert_equal();
}

#[test]
#[ignore = "slow (three syncs): scripts/test --slow; unit tests read the same settings"]
fn settings_come_from_a_json_file_or_a_body_as_well() {
    let world = World::new("json", &["--seed", "63", "--merge-requests", "60"]);
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let settings = json!({"gitlab_groups": ["acme"], "gitlab_token": "${MY_TOKEN}", "sync_interval_hours": "0.25"});
    write!(file, "{settings}").expect("written");
    let path = file.path().to_str().expect("a path").to_owned();
    let connector = world.connector(&[
        ("GITLAB_GROUPS", ""),
        ("GITLAB_TOKEN", ""),
        ("MY_TOKEN", GITLAB_TOKEN),
        ("CONFIG_FILE", &path),
        ("AUTH_TOKEN", TOKEN),
        ("ALLOW_SETTINGS_IN_BODY", "true"),
    ]);
    world.sync(&connector);
    world.assert_equal();

    let other = format!("{}_body", world.raw);
    let body = json!({
        "bq_dataset_raw": other, "gitlab_token": GITLAB_TOKEN, "gitlab_groups": "acme/platform",
        "streams": ["merge_requests", "projects"],
    });
    let (status, answer) = http::post(&connector.url, Some(TOKEN), &body).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    let rows = |dataset: &str| warehouse_rows(warehouse(), dataset, "merge_requests").len();
    assert!(rows(&other) > 0 && rows(&other) < rows(&world.raw));

    // A project by its id, with everything in it.
    let project = &world.gitlab.rows("projects").expect("projects")[0];
    let path = project["full_path"].as_str().expect("a path");
    let other = format!("{}_id", world.raw);
    let body = json!({
        "bq_dataset_raw": other, "gitlab_token": GITLAB_TOKEN, "gitlab_groups": "",
        "gitlab_projects": project["id"].to_string(),
    });
    let (status, answer) = http::post(&connector.url, Some(TOKEN), &body).expect("an answer");
    assert_eq!(status, 200, "{answer:#}");
    for table in ["merge_requests", "mr_notes", "pipelines", "issues"] {
        let expected = world.gitlab.rows(&format!("{table}?project={path}")).expect("rows");
        let found = warehouse_rows(warehouse(), &other, table);
        assert_eq!(found.len(), expected.len(), "{table}");
        assert!(found.iter().all(|row| expected.contains(row)), "{table}");
    }

    let refusals = [
        (json!({"gitlab_tokn": "x"}), "gitlab_tokn"),
        (json!({"gitlab_token": "${NOWHERE}"}), "gitlab_token"),
        (json!({"gitlab_groups": "${MY_TOKEN}"}), "gitlab_groups"),
        (json!({"sync_interval_hours": "0.24"}), "SYNC_INTERVAL_HOURS"),
        (json!({"gitlab_base_url": "http://127.0.0.1:9"}), "gitlab_token"),
        (json!({"bq_dataset_raw": "loot"}), "gitlab_token"),
        (json!({"streams": ["merge_request"]}), "merge_request"),
        (json!({"streams": ["jobs"]}), "STREAMS"),
        (json!({"scopes": ["nobody"]}), "nobody"),
    ];
    for (body, named) in refusals {
        let (status, answer) = http::post(&connector.url, Some(TOKEN), &body).expect("an answer");
        assert_eq!(status, 400, "{body} {answer:#}");
        assert!(answer.to_string().contains(named), "{body} {answer:#}");
        assert!(!answer.to_string().contains(GITLAB_TOKEN));
    }
}

#[test]
fn check_says_what_works_and_what_does_not() {
    let world = World::new("check", &["--seed", "64", "--merge-requests", "20"]);
    let check = |more: &[(&str, &str)]| {
        let emulator = warehouse();
        let mut command = Command::new(binary("gitlab-connector"));
        with_own_environment(&mut command).arg("--check").envs([
            ("PROJECT_ID", "mergemind-local"),
            ("BIGQUERY_EMULATOR_HOST", &emulator.rest),
            ("BIGQUERY_STORAGE_EMULATOR_HOST", &emulator.storage),
            ("BQ_DATASET_RAW", world.raw.as_str()),
            ("GITLAB_BASE_URL", world.gitlab.url.as_str()),
            ("GITLAB_TOKEN", GITLAB_TOKEN),
            ("GITLAB_GROUPS", "acme"),
        ]);
        let output = command.envs(more.iter().copied()).output().expect("it runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (good, told) = check(&[]);
    assert!(good, "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), 6, "{told}");
    let (good, told) = check(&[("GITLAB_GROUPS", "nobody")]);
    assert!(!good && told.contains("FAIL  group:nobody can be read"), "{told}");
    let (good, told) = check(&[("GITLAB_TOKEN", "glpat-wrong")]);
    assert!(
        !good && told.contains("read_api") && !told.contains("glpat-wrong"),
        "{told}"
    );
    let faults = json!({"token": {"scopes": ["read_user"]}});
    world.gitlab.faults(&faults).expect("faults");
    let (good, told) = check(&[]);
    assert!(!good && told.contains("read_api"), "{told}");
    let soon = json!({"token": {"expires_at": "2000-01-01"}});
    world.gitlab.faults(&soon).expect("faults");
    let (good, told) = check(&[]);
    assert!(!good, "{told}");
    let nobody = format!("http://127.0.0.1:{}", local_stack::free_port().expect("a port"));
    world
        .gitlab
        .faults(&Value::Object(serde_json::Map::new()))
        .expect("no faults");
    let (good, told) = check(&[("DBT_TRIGGER_URL", &nobody), ("DBT_TRIGGER_AUTH_TOKEN", "trigger-5c1a")]);
    assert!(
        !good && told.contains("FAIL  dbt-trigger") && !told.contains("trigger-5c1a"),
        "{told}"
    );
}
