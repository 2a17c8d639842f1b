//! Starting: a wrong configuration is told whole, and nothing runs open by mistake.

use std::process::{Command, Output};

use local_stack::binary;

fn run(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary(program));
    command.env_clear().args(arguments).envs(variables.iter().copied());
    command.output().expect("the program runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_problem_of_a_configuration_is_listed_at_once() {
    let output = run(
        "gitlab-connector",
        &[],
        &[("PORT", "eighty"), ("BIGQUERY_EMULATOR_HOST", "127.0.0.1:9050")],
    );
    assert_eq!(output.status.code(), Some(2));
    for name in [
        "PORT",
        "PROJECT_ID",
        "GITLAB_TOKEN",
        "GITLAB_GROUPS",
        "BIGQUERY_EMULATOR_HOST",
    ] {
        assert!(
            errors(&output).contains(&format!("\n  {name} ")),
            "{name} is not in: {}",
            errors(&output)
        );
    }
}

#[test]
fn a_trigger_without_a_token_or_with_a_placeholder_does_not_start() {
    let base = [("PROJECT_ID", "p")];
    for variables in [
        vec![],
        vec![("AUTH_TOKEN", "changeme")],
        vec![("AUTH_TOKEN", "your-token")],
    ] {
        let all: Vec<_> = base.iter().copied().chain(variables).collect();
        let output = run("dbt-trigger", &[], &all);
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains("AUTH_TOKEN"), "{}", errors(&output));
    }
}

#[test]
fn help_lists_every_variable() {
    for (program, names) in [
        (
            "gitlab-connector",
            vec![
                "GITLAB_TOKEN",
                "GITLAB_PROJECTS",
                "SYNC_INTERVAL_HOURS",
                "BQ_DATASET_RAW",
                "DBT_TRIGGER_URL",
            ],
        ),
        (
            "dbt-trigger",
            vec!["AUTH_TOKEN", "DBT_PROJECT_DIR", "BQ_DATASET_MODELED", "PORT"],
        ),
    ] {
        let output = run(program, &["--help"], &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        for name in names {
            assert!(text.contains(name), "{program} --help lacks {name}");
        }
    }
}
