use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use url::Url;

use super::issuer::{ACCOUNT, AUDIENCE, Key, Server};
use super::*;

#[tokio::test]
async fn keys_are_cached_and_renewed_when_google_changes_them() {
    let google = Server::start();
    let (old, new) = (Key::new("old"), Key::new("new"));
    google.set("/certs", &json!({"keys": [old.public()]}));
    let callers = GoogleCallers {
        audiences: vec![AUDIENCE.into()],
        accounts: vec![ACCOUNT.into()],
        keys_url: Url::parse(&format!("http://{}/certs", google.address)).expect("an address"),
        checked_by_cloud_run: false,
    };
    let mut check = IdTokenCheck::new(&callers).expect("a client");
    let [by_old, by_new] = [&old, &new].map(|key| key.token(&json!({})));
    for _ in 0..3 {
        assert_eq!(check.check(&by_old).await.as_deref(), Ok(ACCOUNT));
    }
    assert_eq!(google.asked(), 1, "they are kept");

    google.set("/certs", &json!({"keys": [new.public()]}));
    check.check(&by_new).await.expect_err("it is too soon to ask again");
    assert_eq!(google.asked(), 1);
    check.keys.least_pause = Duration::ZERO;
    assert_eq!(
        check.check(&by_new).await.as_deref(),
        Ok(ACCOUNT),
        "a new key is asked for"
    );
    assert_eq!(google.asked(), 2);
    check.check(&by_old).await.expect_err("that key is withdrawn");
    assert_eq!(google.asked(), 3);

    check.check(&by_new).await.expect("known");
    assert_eq!(google.asked(), 3);
    check.keys.fresh = Duration::ZERO;
    check.check(&by_new).await.expect("known");
    assert_eq!(google.asked(), 4, "after their time known keys are asked for, too");
    google.forget("/certs");
    check
        .check(&by_new)
        .await
        .expect("keys are used longer if Google is away");
    assert_eq!(google.asked(), 5);
}

#[tokio::test]
async fn who_names_an_unknown_key_holds_nobody_up() {
    let google = Server::start();
    let (known, unknown) = (Key::new("known"), Key::new("unknown"));
    google.set("/certs", &json!({"keys": [known.public()]}));
    let callers = GoogleCallers {
        audiences: vec![AUDIENCE.into()],
        accounts: vec![ACCOUNT.into()],
        keys_url: Url::parse(&format!("http://{}/certs", google.address)).expect("an address"),
        checked_by_cloud_run: false,
    };
    let mut check = IdTokenCheck::new(&callers).expect("a client");
    check.keys.least_pause = Duration::ZERO;
    let [known, unknown] = [&known, &unknown].map(|key| key.token(&json!({})));
    check.check(&known).await.expect("known");
    // It takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("an address");
    check.keys.url = Url::parse(&format!("http://{address}/")).expect("an address");
    let stranger = check.check(&unknown);
    let caller = async {
        let (_connection, _) = silent.accept().await.expect("asked");
        assert_eq!(check.check(&known).await.as_deref(), Ok(ACCOUNT));
    };
    tokio::select! {
        _ = stranger => panic!("who is known waited until the keys could not be had"),
        () = caller => {}
    }
}

proptest! {
    #[test]
    fn any_token_is_refused_without_a_key(token in "eyJ[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
        prop_assert!(looks_like_one(&token));
        let _ = decode_header(&token);
    }
}

#[test]
fn tokens_that_people_make_are_not_taken_for_one() {
    for token in [
        "eyJhbGciOiJSUzI1NiJ9",
        "a.b.c",
        "3f9c2b7a90",
        &format!("eyJ.{}.", "x".repeat(9_000)),
    ] {
        assert!(!looks_like_one(token));
    }
}
