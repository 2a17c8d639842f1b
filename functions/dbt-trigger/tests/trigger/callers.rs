//! Who is let in, and how the others are turned away.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::issuer::{ACCOUNT, AUDIENCE, Key, Server};
use crate::support::{Answer, Project, TOKEN, Trigger, one_model};

pub fn with_bearer(trigger: &Trigger, token: &str) -> Answer {
    trigger.send("POST", "/", &[("Authorization", &format!("Bearer {token}"))], "{}")
}

fn with_issuer(issuer: &Server) -> Trigger {
    let keys_url = format!("http://{}/certs", issuer.address);
    Trigger::start(
        &one_model(),
        &[
            ("ID_TOKEN_AUDIENCE", AUDIENCE),
            ("ID_TOKEN_ACCOUNTS", ACCOUNT),
            ("ID_TOKEN_KEYS_URL", &keys_url),
        ],
    )
}

#[test]
fn google_signed_id_tokens_of_the_right_account_are_taken() {
    let issuer = Server::start();
    let (key, stranger) = (Key::new("k1"), Key::new("k1"));
    issuer.set("/certs", &json!({"keys": [key.public()]}));
    let trigger = with_issuer(&issuer);
    assert_eq!(with_bearer(&trigger, &key.token(&json!({}))).status, 200);
    let run = trigger.ask("GET", "/runs", "").body["runs"][0]["run_id"].clone();
    let told = trigger.ask("GET", &format!("/runs/{}", run.as_str().expect("an id")), "");
    assert_eq!(told.body["called_by"][0]["caller"], format!("account:{ACCOUNT}"));
    for (why, token) in [
        ("another audience", key.token(&json!({"aud": "https://other.example"}))),
        ("another account", key.token(&json!({"email": "eve@example.com"}))),
        ("an unverified address", key.token(&json!({"email_verified": false}))),
        ("no address", key.token(&json!({"email": null}))),
        ("another issuer", key.token(&json!({"iss": "https://evil.example"}))),
        ("expired", key.token(&json!({"exp": 1_700_000_000}))),
        ("another key", stranger.token(&json!({}))),
    ] {
        let answer = with_bearer(&trigger, &token);
        assert_eq!(answer.status, 401, "{why}");
        assert!(!trigger.log().contains(&token), "{why}");
    }
    assert_eq!(trigger.calls("build").len(), 1);
    assert_eq!(with_bearer(&trigger, TOKEN).status, 200, "bearer tokens go on working");
}

#[test]
fn a_token_without_signature_counts_only_where_cloud_run_has_checked_it() {
    let issuer = Server::start();
    let keys_url = format!("http://{}/certs", issuer.address);
    let google = [
        ("ID_TOKEN_AUDIENCE", AUDIENCE),
        ("ID_TOKEN_ACCOUNTS", ACCOUNT),
        ("ID_TOKEN_KEYS_URL", &keys_url),
    ];
    let checked = ("ID_TOKEN_CHECKED_BY_CLOUD_RUN", "true");
    let key = Key::new("k1");
    let stripped = |changes| {
        let token = key.token(&changes);
        let (rest, _) = token.rsplit_once('.').expect("three parts");
        format!("{rest}.SIGNATURE_REMOVED_BY_GOOGLE")
    };
    let public = Trigger::start(&one_model(), &google);
    assert_eq!(with_bearer(&public, &stripped(json!({}))).status, 401);

    let cloud_run = [
        ("K_SERVICE", "dbt-trigger"),
        ("HOST", "127.0.0.1"),
        ("RUN_LEASE", "false"),
        checked,
    ];
    let private = Trigger::start(&one_model(), &[&google[..], &cloud_run].concat());
    assert_eq!(with_bearer(&private, &stripped(json!({}))).status, 200);
    for (why, changes) in [
        ("another audience", json!({"aud": "https://other.example"})),
        ("another account", json!({"email": "eve@example.com"})),
        ("an unverified address", json!({"email_verified": false})),
        ("expired", json!({"exp": 1_700_000_000})),
    ] {
        assert_eq!(with_bearer(&private, &stripped(changes)).status, 401, "{why}");
    }

    for (why, changes) in [
        ("another issuer", json!({"iss": "https://evil.example"})),
        ("no issuer", json!({"iss": null})),
    ] {
        assert_eq!(with_bearer(&private, &stripped(changes)).status, 401, "{why}");
    }
    // It never ends, and overflows nothing.
    let for_ever = stripped(json!({"exp": u64::MAX}));
    assert_eq!(with_bearer(&private, &for_ever).status, 200);

    // Beside X-Serverless-Authorization Cloud Run does not look at the other header: anybody can write it.
    let with_both = |checked: &str, beside: Option<&str>| {
        let checked = format!("Bearer {checked}");
        let beside = beside.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("X-Serverless-Authorization", checked.as_str())];
        headers.extend(beside.iter().map(|token| ("Authorization", token.as_str())));
        private.send("POST", "/", &headers, "{}")
    };
    let scheduler = stripped(json!({}));
    let developer = stripped(json!({"email": "some-developer@example.com"}));
    for (why, checked, beside, status) in [
        (
            "a developer who writes the scheduler's",
            &developer,
            Some(&scheduler),
            401,
        ),
        ("a developer alone", &developer, None, 401),
        ("the scheduler alone", &scheduler, None, 200),
        (
            "the scheduler, whatever stands beside it",
            &scheduler,
            Some(&developer),
            200,
        ),
        ("a developer with our token", &developer, Some(&TOKEN.to_owned()), 200),
    ] {
        let answer = with_both(checked, beside.map(String::as_str));
        assert_eq!(answer.status, status, "{why}");
    }
    // What still has its signature was not looked at by Cloud Run: it is checked here.
    assert_eq!(
        with_both(&Key::new("k1").token(&json!({})), None).status,
        401,
        "a stranger's signature"
    );
    let beside = format!("Bearer {}", stripped(json!({})));
    let twice = [
        ("X-Serverless-Authorization", beside.as_str()),
        ("X-Serverless-Authorization", beside.as_str()),
    ];
    assert_eq!(private.send("POST", "/", &twice, "{}").status, 401, "two of them");
    // Where Cloud Run checks nobody, the header means nothing.
    assert_eq!(public.send("POST", "/", &twice[..1], "{}").status, 401);

    let elsewhere = Project::new(&one_model());
    let output = elsewhere.command(&[&google[..], &[checked]].concat()).output();
    assert_eq!(output.expect("it ends").status.code(), Some(2));
}

#[test]
fn keys_are_cached_and_strangers_do_not_make_us_ask_for_them_again_and_again() {
    let issuer = Server::start();
    let (old, new) = (Key::new("old"), Key::new("new"));
    issuer.set("/certs", &json!({"keys": [old.public()]}));
    let trigger = with_issuer(&issuer);
    for _ in 0..3 {
        assert_eq!(with_bearer(&trigger, &old.token(&json!({}))).status, 200);
    }
    assert_eq!(issuer.asked(), 1, "the keys are kept");
    // Anybody can name an unknown key: that must not make us ask without end.
    for _ in 0..3 {
        assert_eq!(with_bearer(&trigger, &new.token(&json!({}))).status, 401);
    }
    assert_eq!(issuer.asked(), 1, "asked again too soon");
    issuer.forget("/certs");
    assert_eq!(
        with_bearer(&trigger, &old.token(&json!({}))).status,
        200,
        "the kept ones go on working"
    );
}

#[test]
fn half_a_configuration_of_id_tokens_is_refused() {
    for variable in ["ID_TOKEN_AUDIENCE", "ID_TOKEN_ACCOUNTS"] {
        let project = Project::new(&one_model());
        let output = project.command(&[(variable, "x")]).output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{variable}");
    }
}

#[test]
fn failed_attempts_are_logged_without_the_token_and_slowed() {
    let trigger = Trigger::start(&one_model(), &[]);
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(with_bearer(&trigger, "guess-9d71").status, 401);
    }
    // 50 + 100 + 200 + 400 + 800 ms
    assert!(begun.elapsed() > Duration::from_millis(1_500), "{:?}", begun.elapsed());
    assert_eq!(with_bearer(&trigger, TOKEN).status, 200);
    let log = trigger.log();
    assert!(log.contains("unauthorized") && !log.contains("guess-9d71"), "{log}");
}

#[test]
fn a_flood_of_guesses_is_slow_however_it_comes_and_who_belongs_is_served() {
    let trigger = Trigger::start(&one_model(), &[]);
    let guess = "GET /runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess-0000000001\r\n\r\n";
    let begun = Instant::now();
    let connections: Vec<_> = (0..30)
        .map(|_| {
            let address = trigger.address().to_owned();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).expect("connects");
                stream.write_all(guess.repeat(50).as_bytes()).expect("sent");
                stream
                    .set_read_timeout(Some(Duration::from_millis(100)))
                    .expect("a timeout");
                let (mut answers, mut some) = (String::new(), [0; 8_192]);
                while begun.elapsed() < Duration::from_secs(4) {
                    if let Ok(length) = stream.read(&mut some) {
                        answers += &String::from_utf8_lossy(&some[..length]);
                    }
                }
                answers.matches("HTTP/1.1 4").count()
            })
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(trigger.ask("GET", "/runs", "").status, 200);
    let learned: usize = connections
        .into_iter()
        .map(|connection| connection.join().expect("answers"))
        .sum();
    assert!(
        (1..=10).contains(&learned),
        "{learned} guesses were answered in four seconds"
    );
    assert_eq!(trigger.run().status, 200);
}

#[test]
fn bodies_that_are_too_large_too_deep_or_of_another_kind_are_turned_away() {
    let trigger = Trigger::start(&one_model(), &[]);
    let large = format!(r#"{{"source":"{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(trigger.ask("POST", "/", &large).status, 413);
    assert_eq!(
        trigger.ask("POST", "/", &"[".repeat(200_000)).body["code"],
        "invalid_json"
    );
    let bearer = format!("Bearer {TOKEN}");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "jsonapplication/json",
    ] {
        let answer = trigger.send("POST", "/", &[("Authorization", &bearer), ("Content-Type", kind)], "{}");
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (415, &json!("not_json")),
            "{kind}"
        );
    }
    assert_eq!(trigger.calls("build").len(), 0);
    let kind = "Application/JSON; charset=utf-8";
    let answer = trigger.send("POST", "/", &[("Authorization", &bearer), ("Content-Type", kind)], "{}");
    assert_eq!(answer.status, 200);
}

#[test]
fn a_slow_or_endless_body_of_a_stranger_is_not_even_read() {
    let trigger = Trigger::start(&one_model(), &[]);
    let mut stream = TcpStream::connect(trigger.address()).expect("connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    // A body is announced and never sent: the answer comes all the same.
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n"
    )
    .expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[test]
fn a_broken_question_is_told_only_to_who_belongs() {
    let trigger = Trigger::start(&one_model(), &[]);
    let stranger = trigger.send("POST", "/?wait=perhaps", &[], "{}");
    assert_eq!((stranger.status, &stranger.body["code"]), (401, &json!("unauthorized")));
    let answer = trigger.ask("POST", "/?wait=perhaps", "{}");
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("invalid_query")));
    assert_eq!(trigger.calls("build").len(), 0);
}

#[test]
fn no_answer_is_kept_by_anybody() {
    let trigger = Trigger::start(&one_model(), &[]);
    let run_id = trigger.run().body["run_id"].as_str().expect("an id").to_owned();
    for path in [
        "/runs".to_owned(),
        format!("/runs/{run_id}"),
        format!("/runs/{run_id}/artifacts/manifest.json"),
    ] {
        let answer = trigger.ask("GET", &path, "");
        assert!(
            answer.status == 200 && answer.head.contains("cache-control: no-store"),
            "{path}: {}",
            answer.head
        );
    }
}

#[test]
fn asking_what_it_is_runs_nothing() {
    let trigger = Trigger::start(&one_model(), &[]);
    let answer = trigger.send("GET", "/", &[], "");
    assert_eq!((answer.status, &answer.body["service"]), (200, &json!("dbt-trigger")));
    assert_eq!(trigger.send("HEAD", "/", &[], "").status, 200);
    assert_eq!(trigger.calls("build").len(), 0);
    assert_eq!(trigger.ask("GET", "/runs", "").body["runs"], json!([]));
}
