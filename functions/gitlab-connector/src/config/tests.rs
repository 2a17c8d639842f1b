//! What settings are read, and what is said of wrong ones.

use super::*;

fn read(variables: &[(&str, &str)]) -> (Config, Env) {
    let base = [("PROJECT_ID", "p"), ("GITLAB_TOKEN", "glpat-1234567890abcdef")];
    let mut env = Env::from_map(base.iter().chain(variables).map(|(k, v)| (*k, *v)));
    (Config::read(&mut env), env)
}

#[test]
fn a_project_of_a_listed_group_is_not_synced_twice() {
    let (config, env) = read(&[
        ("GITLAB_GROUPS", "acme, acme/web"),
        ("GITLAB_PROJECTS", "Acme/api,other/x/"),
    ]);
    assert_eq!(env.finish(), Ok(()));
    assert_eq!(
        config.targets,
        [Target::Group("acme".into()), Target::Project("other/x".into())]
    );
    assert_eq!(env.warnings().len(), 2);
}

#[test]
fn the_recommended_streams_are_one_word() {
    let (config, env) = read(&[("GITLAB_GROUPS", "acme"), ("STREAMS", "recommended,tags")]);
    assert_eq!(env.finish(), Ok(()));
    let chosen = [
        "deployments",
        "deployment_merge_requests",
        "environments",
        "mr_details",
        "mr_commits",
        "mr_state_events",
        "tags",
        "mr_notes",
    ];
    assert!(chosen.iter().all(|name| config.options.on(name)) && !config.options.on("jobs"));
}

#[test]
fn settings_in_bodies_need_a_token_of_the_callers() {
    let groups = ("GITLAB_GROUPS", "acme");
    let (config, env) = read(&[groups]);
    assert!(env.finish().is_ok() && !config.settings_in_body);
    let on = ("ALLOW_SETTINGS_IN_BODY", "true");
    let problems = read(&[groups, on]).1.finish().unwrap_err().to_string();
    assert!(
        problems.contains("ALLOW_SETTINGS_IN_BODY") && problems.contains("1 problem:"),
        "{problems}"
    );
    let (config, env) = read(&[groups, on, ("AUTH_TOKEN", "callers-9a41f07c5b1c0e22")]);
    assert!(env.finish().is_ok() && config.settings_in_body);
}

#[test]
fn who_can_be_reached_by_others_needs_a_token() {
    let groups = ("GITLAB_GROUPS", "acme");
    let everywhere = ("HOST", "0.0.0.0");
    let cloud_run = ("K_SERVICE", "gitlab-connector");
    let checked = ("ID_TOKEN_CHECKED_BY_CLOUD_RUN", "true");
    for open in [
        vec![everywhere],
        vec![("HOST", "::")],
        vec![("HOST", "192.0.2.7")],
        vec![cloud_run],
        vec![cloud_run, ("ID_TOKEN_CHECKED_BY_CLOUD_RUN", "false")],
        vec![everywhere, checked],
    ] {
        let problems = read(&[&[groups], &open[..]].concat())
            .1
            .finish()
            .unwrap_err()
            .to_string();
        assert!(
            problems.contains("AUTH_TOKEN is not set") || problems.contains("this is not Cloud Run"),
            "{open:?}: {problems}"
        );
    }
    for closed in [
        vec![],
        vec![("HOST", "127.0.0.2")],
        vec![("HOST", "::1")],
        vec![cloud_run, checked],
        vec![everywhere, ("AUTH_TOKEN", "callers-9a41f07c5b1c0e22")],
    ] {
        assert_eq!(
            read(&[&[groups], &closed[..]].concat()).1.finish(),
            Ok(()),
            "{closed:?}"
        );
    }
}

#[test]
fn what_can_be_guessed_is_no_token() {
    for (name, value) in [
        ("AUTH_TOKEN", "ab"),
        ("AUTH_TOKEN", "123456789012345"),
        ("AUTH_TOKEN_PREVIOUS", "letmein"),
        ("GITLAB_WEBHOOK_TOKEN", "dt4821"),
        // One byte, and 23.
        ("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_AA=="),
        ("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_"),
    ] {
        let problems = read(&[("GITLAB_GROUPS", "acme"), (name, value)]).1.finish();
        let problems = problems.expect_err(value).to_string();
        assert!(problems.contains(&format!("{name} has ")), "{problems}");
        assert!(
            problems.contains("fewer than") && problems.contains("openssl rand"),
            "{problems}"
        );
        assert!(!problems.contains(value) || value == "whsec_", "{problems}");
    }
    let blank = ("AUTH_TOKEN", "sixteen letters and blanks");
    let problems = read(&[("GITLAB_GROUPS", "acme"), blank])
        .1
        .finish()
        .unwrap_err()
        .to_string();
    assert!(problems.contains("AUTH_TOKEN holds a blank"), "{problems}");
    let sound = [
        ("GITLAB_GROUPS", "acme"),
        ("GITLAB_WEBHOOK_SIGNING_TOKEN", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("GITLAB_WEBHOOK_TOKEN", "sm://projects/p/secrets/s"),
    ];
    assert_eq!(read(&sound).1.finish(), Ok(()));
}

#[test]
fn every_problem_is_named() {
    let (_, env) = read(&[
        ("DBT_TRIGGER_URL", "http://x"),
        ("SYNC_INTERVAL_HOURS", "0.1"),
        ("SYNC_OVERLAP_SECONDS", "1"),
    ]);
    let problems = env.finish().unwrap_err().to_string();
    for name in [
        "GITLAB_GROUPS",
        "DBT_TRIGGER_AUTH_TOKEN",
        "SYNC_INTERVAL_HOURS",
        "SYNC_OVERLAP_SECONDS",
    ] {
        assert!(problems.contains(name), "{name}: {problems}");
    }
}
