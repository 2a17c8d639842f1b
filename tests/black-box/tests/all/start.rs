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
fn a_connector_that_strangers_reach_does_not_start_without_a_token() {
    let base = [
        ("PROJECT_ID", "p"),
        ("GITLAB_TOKEN", "glpat-1234567890abcdef"),
        ("GITLAB_GROUPS", "acme"),
    ];
    let checked = ("ID_TOKEN_CHECKED_BY_CLOUD_RUN", "true");
    for variables in [
        vec![("HOST", "0.0.0.0")],
        vec![("HOST", "::")],
        vec![("K_SERVICE", "gitlab-connector")],
        vec![("HOST", "0.0.0.0"), checked],
        vec![("HOST", "0.0.0.0"), ("AUTH_TOKEN", "ab")],
    ] {
        let all: Vec<_> = base.iter().copied().chain(variables).collect();
        let output = run("gitlab-connector", &["--print-config"], &all);
        assert_eq!(output.status.code(), Some(2), "{all:?}: {}", errors(&output));
        assert!(
            errors(&output).contains("openssl rand -hex 32"),
            "{all:?}: {}",
            errors(&output)
        );
    }
    let private = [&base[..], &[("K_SERVICE", "gitlab-connector"), checked]].concat();
    let output = run("gitlab-connector", &["--print-config"], &private);
    assert!(output.status.success(), "{}", errors(&output));
}

/// `UPDATE_DOCS=1 scripts/test page_of_settings` writes it.
#[test]
fn the_page_of_settings_holds_what_help_prints() {
    let mut page = String::from(SETTINGS_INTRO);
    for (program, about) in [("gitlab-connector", CONFIG_FILE_NOTE), ("dbt-trigger", "")] {
        let output = run(program, &["--help"], &[]);
        assert!(output.status.success(), "{}", errors(&output));
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows = settings(&help);
        assert!(rows.len() > 10, "{program} --help lists only {} settings", rows.len());
        page += &format!("\n## `{program}`\n\n{about}| variable | default | meaning |\n| --- | --- | --- |\n");
        for [name, default, meaning] in rows {
            let default = match default.as_str() {
                "" | "required" => default,
                _ => format!("`{default}`"),
            };
            page += &format!("| `{name}` | {default} | {} |\n", meaning.replace('|', "\\|"));
        }
    }
    let file = local_stack::root().join("docs/settings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).expect("docs/ can be written");
    }
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == page,
        "docs/settings.md is not what --help prints: run UPDATE_DOCS=1 scripts/test page_of_settings"
    );
}

const SETTINGS_INTRO: &str = "# Settings

Made from the functions' own `--help` by a test; do not edit.

Each function reads environment variables, lists every problem with them at once, and shows them with `--help` and
`--print-config` (without secrets). Empty counts as unset. Times are written `90s`, `5m`, `2h`, or as plain seconds.
Any secret may be a reference to Secret Manager, `sm://projects/P/secrets/S` (or `…/versions/V`): it is fetched at the start
and, unless a version is named, again every five minutes and when it is refused, so that rotating it needs no restart.
";

const CONFIG_FILE_NOTE: &str = "A JSON file works as well (`CONFIG_FILE`), with the same names in lower case, values as texts if you like, and `${NAME}` for a
variable of the environment.

";

/// Name, default and meaning of each variable: the columns of the help's table lie below its headings.
fn settings(help: &str) -> Vec<[String; 3]> {
    let mut lines = help.lines().skip_while(|line| !line.starts_with("variable "));
    let heading = lines.next().expect("--help prints a table");
    let (default, meaning) = (
        heading.find("default").expect("a column"),
        heading.find("meaning").expect("a column"),
    );
    let rows = lines.take_while(|line| !line.is_empty());
    rows.map(|line| {
        let letters: Vec<char> = line.chars().collect();
        let column = |from: usize, to: usize| -> String {
            let part = &letters[from.min(letters.len())..to.min(letters.len())];
            part.iter().collect::<String>().trim().to_owned()
        };
        [
            column(0, default),
            column(default, meaning),
            column(meaning, letters.len()),
        ]
    })
    .collect()
}
