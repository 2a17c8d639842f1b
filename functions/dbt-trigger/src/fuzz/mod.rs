//! Fuzz targets: whatever comes from outside is let in, read or refused as promised, and nothing else happens.

mod auth;
mod body;
mod config;
mod request;
mod world;

use serde_json::Value;

/// What callers show, and must never see again.
const TOKEN: &str = "canary-bearer-7f3a9c";
const PREVIOUS: &str = "canary-previous-51d2e0";
const FIVETRAN: &str = "canary-fivetran-c40b88";
const CANARIES: [&str; 3] = [TOKEN, PREVIOUS, FIVETRAN];

/// No secret is in `text`.
fn assert_no_canary(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "a secret is told: {text}");
    }
}

/// A text for outcomes: error messages without what they repeat of the input.
fn gist(text: &str) -> String {
    let mut quoted = false;
    let plain = text.chars().filter(|c| {
        quoted ^= *c == '\'';
        !quoted && !c.is_ascii_digit()
    });
    plain.take(60).collect()
}

/// The code of one of our errors.
fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body["code"].as_str().map(ToOwned::to_owned)
}
