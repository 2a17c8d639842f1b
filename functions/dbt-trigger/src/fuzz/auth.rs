//! Who is let in by headers alone, ID tokens included.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fuzz::{Shape, Target};
use mergemind_shared::Secret;
use mergemind_shared::auth::Tokens;
use serde_json::Value;
use url::Url;

use super::world::{Shown, shown};
use super::{PREVIOUS, TOKEN, assert_no_canary, gist};
use crate::auth::{Authenticator, Caller};
use crate::config::{GoogleCallers, RunCallers};

const AUDIENCE: &str = "https://trigger.example";
const ACCOUNT: &str = "scheduler@p.iam.gserviceaccount.com";
/// What Cloud Run leaves of a token that it has checked.
const REMOVED: &str = ".SIGNATURE_REMOVED_BY_GOOGLE";

/// A door that nobody can show a signed ID token to, since its keys can't be fetched.
fn auth(checked_by_cloud_run: bool) -> Authenticator {
    Authenticator::new(&RunCallers {
        tokens: Tokens::new(Secret::new(TOKEN), Some(Secret::new(PREVIOUS))),
        fivetran: None,
        on_cloud_run: false,
        google: Some(GoogleCallers {
            audiences: vec![AUDIENCE.into()],
            accounts: vec![ACCOUNT.into()],
            keys_url: Url::parse("http://127.0.0.1:1/").expect("a constant"),
            checked_by_cloud_run,
        }),
    })
    .expect("a door")
}

#[test]
fn trigger_auth() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let all = runtime.block_on(async { [auth(false), auth(true)] });
    Target::new("trigger_auth", Shape::Request)
        .words(&[
            "authorization: Bearer ",
            "authorization: Basic ",
            "x-serverless-authorization: Bearer ",
            "eyJ",
            REMOVED,
            "{{token}}",
            "{{basic}}",
            "<jwt ",
        ])
        .words(&[
            "aud",
            "email",
            "email_verified",
            "exp",
            "iss",
            "alg",
            "kid",
            "RS256",
            "none",
            "HS256",
            AUDIENCE,
            ACCOUNT,
        ])
        .words(&["sec-fetch-site: same-origin", "sec-fetch-site: cross-site"])
        .reaches(&[
            "Bearer [\"token\", \"token\"]",
            "Nothing [\"\", \"account",
            "Nothing [\"\", \"\"]",
            "Password",
        ])
        .run(|text| {
            let filled = super::world::fill(text, &[String::new(), String::new()]);
            let Some(request) = fuzz::request::read(&with_tokens(&filled)) else {
                return "no request".into();
            };
            let who = shown(&request);
            let mut names = Vec::new();
            for (auth, trusting) in all.iter().zip([false, true]) {
                let entered = runtime.block_on(auth.authenticate(request.headers(), None));
                match &entered {
                    Ok(Caller::Token) => assert_eq!(who, Shown::Bearer),
                    Ok(Caller::Account(account)) => {
                        assert!(trusting, "{account} was let in without a key");
                        assert_claims(request.headers());
                    }
                    Ok(Caller::Fivetran) => unreachable!("it shows no token"),
                    Err(refusal) => {
                        assert!([401, 429].contains(&refusal.status().as_u16()));
                        assert_ne!(who, Shown::Bearer, "{refusal}");
                        assert_no_canary(&format!("{refusal} {:?} {auth:?}", refusal.hint()));
                        // The log tells whose token it was, but not what it is made of.
                        assert!(
                            claimed(request.headers()).contains("canary") || !format!("{refusal:?}").contains("canary")
                        );
                    }
                }
                let by_browser = runtime.block_on(auth.authenticate_browser(request.method(), request.headers(), None));
                // A password is a browser's, whatever else is shown: another page may have had it sent.
                let has_password = request
                    .headers()
                    .get("authorization")
                    .is_some_and(|shown| shown.as_bytes().to_ascii_lowercase().starts_with(b"basic"));
                assert!(
                    entered.is_err() || by_browser.is_ok() || has_password,
                    "a program is let in, but not as a browser"
                );
                if by_browser.is_ok() && entered.is_err() {
                    assert_eq!(who, Shown::Password);
                    let site = request.headers().get("sec-fetch-site");
                    let harmless = ["GET", "HEAD"].contains(&request.method().as_str());
                    assert!(
                        harmless || site.is_some_and(|site| site == "same-origin"),
                        "another page acts"
                    );
                }
                names.push(entered.map_or_else(|_| String::new(), |caller| caller.name()));
            }
            format!("{who:?} {:?}", names.iter().map(|name| gist(name)).collect::<Vec<_>>())
        });
}

/// `<jwt HEADER CLAIMS>` becomes such a token, without a signature.
fn with_tokens(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text).into_owned();
    let Some((before, rest)) = text.split_once("<jwt ") else {
        return text.into_bytes();
    };
    let Some((token, behind)) = rest.split_once('>') else {
        return text.into_bytes();
    };
    let (header, claims) = token.split_once(' ').unwrap_or((token, ""));
    let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{before}{}{behind}", parts.join(".")).into_bytes()
}

/// What the tokens of a request say about themselves, if they can be read.
fn claimed(headers: &HeaderMap) -> String {
    let shown = ["authorization", "x-serverless-authorization"].map(|name| {
        let value = headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let claims = value.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
        String::from_utf8_lossy(&claims).into_owned()
    });
    shown.concat()
}

/// The token's claims are those that this function was told to take.
fn assert_claims(headers: &HeaderMap) {
    // Beside the one that Cloud Run checks instead, the usual header names nobody.
    let checked = headers
        .get("x-serverless-authorization")
        .unwrap_or_else(|| &headers[AUTHORIZATION]);
    let value = checked.to_str().expect("ASCII");
    assert!(value.trim().ends_with(REMOVED));
    let claims = value.split('.').nth(1).expect("claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    assert!(
        ["https://accounts.google.com", "accounts.google.com"].contains(&claims["iss"].as_str().expect("an issuer"))
    );
    assert_eq!(claims["aud"], AUDIENCE);
    assert_eq!(claims["email_verified"], true);
    assert!(
        claims["email"]
            .as_str()
            .expect("an address")
            .eq_ignore_ascii_case(ACCOUNT)
    );
    assert!(claims["exp"].as_u64().expect("a time") + 60 > now, "it has expired");
}
