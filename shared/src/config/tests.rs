use super::*;

#[test]
fn every_problem_is_found_in_one_go() {
    let mut env = Env::from_map([
        ("PORT", "99999"),
        ("WAIT", "soon"),
        ("BASE", "ftp://x"),
        ("AUTH_TOKEN", "changeme"),
    ]);
    let _: u16 = env.number("PORT", "").default(8080);
    let _: u32 = env.number("THREADS", "").range(1, 8).default(4);
    env.duration("WAIT", "").default(Duration::from_secs(1));
    env.url("BASE", "").required("the address of GitLab");
    env.secret("AUTH_TOKEN", "").required("openssl rand -hex 32");
    env.string("PROJECT_ID", "").required("your Google Cloud project");
    let Problems(problems) = env.finish().unwrap_err();
    let names: Vec<_> = problems.iter().map(|p| p.variable.as_str()).collect();
    assert_eq!(names, ["PORT", "WAIT", "BASE", "AUTH_TOKEN", "PROJECT_ID"]);
    assert!(
        Problems(problems)
            .to_string()
            .contains("PROJECT_ID is not set; set it to your Google Cloud project")
    );
}

#[test]
fn empty_counts_as_unset() {
    let mut env = Env::from_map([("A", "  "), ("B", " x ")]);
    assert_eq!(env.string("A", "").optional(), None);
    assert_eq!(env.string("B", "").optional().as_deref(), Some("x"));
    assert_eq!(env.finish(), Ok(()));
}

#[test]
fn choices_and_ranges_are_checked() {
    let mut env = Env::from_map([("RUNNER", "shell"), ("N", "9")]);
    env.string("RUNNER", "")
        .one_of(&["worker", "cli"])
        .default("worker".into());
    env.number::<u8>("N", "").range(1, 8).default(1);
    let problems = env.finish().unwrap_err().to_string();
    assert!(
        problems.contains("RUNNER is 'shell'; it must be one of: worker, cli"),
        "{problems}"
    );
    assert!(problems.contains("N is 9; it must be between 1 and 8"), "{problems}");
}

#[test]
fn what_was_refused_is_neither_used_nor_shown() {
    let mut env = Env::from_map([("HOURS", "NaN"), ("DAYS", "-7"), ("GIT", "https://x:hunter2@host/")]);
    assert!(env.number::<f64>("HOURS", "").range(0.5, 24.0).default(1.0).abs() < 1e-9);
    assert_eq!(env.number::<i64>("DAYS", "").range(1, 9).default(1), 0);
    env.string("GIT", "")
        .check(|_| Err("holds a password".into()))
        .optional();
    let problems = env.finish().unwrap_err();
    assert_eq!(problems.0.len(), 3);
    assert!(!format!("{problems} {}", env.value_table()).contains("hunter2"));
}

#[test]
fn problems_never_show_a_secret() {
    let mut env = Env::from_map([("AUTH_TOKEN", "your-own-token")]);
    env.secret("AUTH_TOKEN", "").required("…");
    assert!(!env.finish().unwrap_err().to_string().contains("your-own-token"));
}

#[test]
fn a_short_token_is_refused_and_never_shown() {
    let mut env = Env::from_map([("AUTH_TOKEN", "fifteen-letters"), ("GITLAB_TOKEN", "short")]);
    env.token("AUTH_TOKEN", "").required("a token");
    env.secret("GITLAB_TOKEN", "").required("a token");
    let problems = env.finish().unwrap_err().to_string();
    assert!(
        problems.contains("AUTH_TOKEN has fewer than 16 characters"),
        "{problems}"
    );
    assert!(problems.contains("openssl rand -hex 32"), "{problems}");
    assert!(
        !problems.contains("fifteen") && !problems.contains("GITLAB_TOKEN"),
        "{problems}"
    );
    let mut env = Env::from_map([("AUTH_TOKEN", "sixteen-letters!")]);
    env.token("AUTH_TOKEN", "").required("a token");
    assert!(env.finish().is_ok());
}
