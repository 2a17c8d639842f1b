//! Starting, and not starting.

use serde_json::json;

use crate::support::{Project, Trigger, eventually, one_model, send_signal};

fn refused(variables: &[(&str, &str)]) -> String {
    let project = Project::new(&one_model());
    let output = project.command(variables).output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_does_not_start_without_a_real_token() {
    let message = refused(&[("AUTH_TOKEN", "")]);
    assert!(message.contains("AUTH_TOKEN is not set"), "{message}");
    let message = refused(&[("AUTH_TOKEN", "changeme"), ("DBT_PROJECT_DIR", "/nowhere")]);
    assert!(message.contains("AUTH_TOKEN is a placeholder"), "{message}");
    assert!(message.contains("DBT_PROJECT_DIR is /nowhere"), "{message}");
}

#[test]
fn it_does_not_start_with_a_token_that_can_be_guessed() {
    for name in ["AUTH_TOKEN", "AUTH_TOKEN_PREVIOUS", "FIVETRAN_WEBHOOK_SECRET"] {
        let message = refused(&[(name, "dt4821")]);
        assert!(
            message.contains(&format!("{name} has fewer than 16 characters"))
                && message.contains("openssl rand -hex 32"),
            "{message}"
        );
        assert!(!message.contains("dt4821"), "{message}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn other_processes_of_its_user_cannot_read_its_tokens() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let me = std::fs::metadata("/proc/self").expect("Linux").uid();
    // Root may read everything, so the function and who looks at it are somebody else.
    let user = if me == 0 { 65_534 } else { me };
    let project = Project::new(&one_model());
    let trigger = if me == 0 {
        project.start_as(user)
    } else {
        project.start(&[])
    };
    assert_eq!(trigger.run().status, 200);
    let read = |pid: u64, file: &str| {
        let mut cat = std::process::Command::new("cat");
        cat.arg(format!("/proc/{pid}/{file}"));
        if me == 0 {
            cat.uid(user).gid(user);
        }
        cat.output().expect("cat")
    };
    let function = u64::from(trigger.pid());
    for file in ["environ", "maps", "fd/0"] {
        let output = read(function, file);
        assert!(!output.status.success() && output.stdout.is_empty(), "{file} was read");
    }
    // dbt's own can be read, and holds none.
    let worker = trigger.calls("build")[0]["parent"].as_u64().expect("a process");
    let output = read(worker, "environ");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("DBT_TARGET_PATH") && !text.contains(crate::support::TOKEN),
        "{text}"
    );
}

#[test]
fn help_lists_every_variable() {
    let project = Project::new(&one_model());
    let output = project.command(&[]).arg("--help").output().expect("it ends");
    assert!(output.status.success());
    let help = String::from_utf8_lossy(&output.stdout);
    for name in [
        "PORT",
        "AUTH_TOKEN",
        "DBT_PROJECT_DIR",
        "DBT_PYTHON",
        "DBT_TIMEOUT_SECONDS",
        "BQ_DATASET_RAW",
    ] {
        assert!(help.contains(name), "{name} is missing in:\n{help}");
    }
}

#[test]
fn the_port_answers_while_dbt_is_loaded() {
    let mut plan = one_model();
    plan["parse_seconds"] = json!(2);
    let trigger = Trigger::start(&plan, &[]);
    assert_eq!(trigger.call("GET", None, "").status, 200);
    assert_eq!(trigger.calls("build").len(), 0);
    // A call waits for it.
    assert_eq!(trigger.run().status, 200);
    assert_eq!(trigger.calls("parse").len(), 1);
}

#[test]
fn a_missing_dbt_is_told() {
    for (kind, variables, wanted) in [
        (
            "python",
            [("DBT_PYTHON", "/nowhere/python"), ("DBT_RUNNER", "worker")],
            "DBT_PYTHON",
        ),
        (
            "python by cli",
            [("DBT_PYTHON", "/nowhere/python"), ("DBT_RUNNER", "cli")],
            "DBT_PYTHON",
        ),
        (
            "dbt",
            [("PYTHONPATH", "/nowhere"), ("DBT_RUNNER", "worker")],
            "No module named 'dbt'",
        ),
    ] {
        // Not the interpreter of DBT_PYTHON, which may have a real dbt.
        let mut variables = variables.to_vec();
        if kind == "dbt" {
            variables.push(("DBT_PYTHON", "python3"));
        }
        let trigger = Trigger::start(&one_model(), &variables);
        let answer = trigger.run();
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (500, &json!("dbt_failed")),
            "{kind}"
        );
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(message.contains(wanted), "{kind}: {message}");
    }
}

#[test]
fn two_functions_never_share_a_state_directory() {
    let first = Trigger::start(&one_model(), &[]);
    let state = first.project().path("state");
    let state = state.to_str().expect("unicode");
    let holder = Trigger::start(&one_model(), &[("DBT_STATE_DIR", state)]);
    assert_eq!(holder.run().status, 200);
    eventually("results are kept", || {
        std::fs::metadata(format!("{state}/target/run_results.json")).ok()
    });
    let second = Project::new(&one_model())
        .command(&[("DBT_STATE_DIR", state)])
        .output()
        .expect("it ends");
    assert!(!second.status.success());
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(message.contains("give each its own DBT_STATE_DIR"), "{message}");
}

#[test]
fn shortcuts_that_a_dbt_has_no_place_for_are_named_once_and_runs_do_without() {
    for (version, words) in [
        ("1.99.0", "this is dbt-core 1.99.0"),
        // The version is known, but not one of the names is there.
        ("1.12.6", "No module named 'dbt.plugins'"),
    ] {
        let trigger = Trigger::start(&one_model(), &[("FAKE_DBT_VERSION", version)]);
        assert_eq!(trigger.run().status, 200);
        let worker = trigger.wait_for_build(1)["parent"].as_i64().expect("its id");
        send_signal(worker, "KILL");
        eventually("another worker has parsed the project", || {
            (trigger.calls("parse").len() == 2).then_some(())
        });
        assert_eq!(trigger.run().status, 200);
        let log = trigger.log();
        assert_eq!(log.matches(words).count(), 1, "{log}");
    }
}
