//! ID tokens that Google signs: of Cloud Scheduler, Pub/Sub, Eventarc, Cloud Run and the like.
//!
//! <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>. The
//! keys are fetched when a token names one that is not known, kept for an hour, and used longer if
//! Google can't be reached. Google's own client is not used for this: its verifier lets two simultaneous
//! calls fail each other, and fetches keys anew for every token that names a wrong one.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use tokio::sync::RwLock;
use tokio::time::Instant;
use url::Url;

use crate::config::GoogleCallers;

/// How long keys are used without looking for newer ones; Google changes them about weekly.
const FRESH: Duration = Duration::from_secs(3_600);
/// Keys are not fetched more often than this, whatever callers show.
const LEAST_PAUSE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);
/// Google's own tokens are below 2 KiB.
const TOKEN_LIMIT: usize = 8 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// What Cloud Run puts in the place of the signature of a token by which it let a caller in:
/// <https://cloud.google.com/run/docs/authenticating/service-to-service>.
const SIGNATURE_REMOVED: &str = ".SIGNATURE_REMOVED_BY_GOOGLE";

/// Checks ID tokens.
#[derive(Debug)]
pub struct IdTokenCheck {
    accounts: HashSet<String>,
    audiences: Vec<String>,
    /// Whether a token without its signature is one that Cloud Run has checked.
    checked_by_cloud_run: bool,
    validation: Validation,
    keys_url: Url,
    http: reqwest::Client,
    keys: RwLock<Keys>,
    fresh: Duration,
    least_pause: Duration,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, DecodingKey>,
    /// When they were last asked for, in vain or not.
    asked_at: Option<Instant>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.by_id.len())
    }
}

#[derive(Deserialize)]
struct Claims {
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    aud: String,
    #[serde(default)]
    exp: u64,
}

/// What is wrong with a token, without what stands in it: errors of parsers repeat that.
fn why(error: &jsonwebtoken::errors::Error) -> String {
    match error.kind() {
        ErrorKind::Json(_) | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => "it can't be read as a JSON Web Token".into(),
        _ => error.to_string(),
    }
}

/// Whether `token` has a JSON Web Token's form, unlike the bearer tokens that people make.
pub fn looks_like_one(token: &str) -> bool {
    token.len() <= TOKEN_LIMIT && token.starts_with("eyJ") && token.bytes().filter(|b| *b == b'.').count() == 2
}

impl IdTokenCheck {
    pub fn new(callers: &GoogleCallers) -> Result<Self, String> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY;
        validation.set_issuer(&ISSUERS);
        validation.set_audience(&callers.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Self {
            accounts: callers.accounts.iter().map(|email| email.to_lowercase()).collect(),
            audiences: callers.audiences.clone(),
            checked_by_cloud_run: callers.checked_by_cloud_run,
            validation,
            keys_url: callers.keys_url.clone(),
            http: http.map_err(|e| e.to_string())?,
            keys: RwLock::default(),
            fresh: FRESH,
            least_pause: LEAST_PAUSE,
        })
    }

    /// The account that `token` is of.
    ///
    /// # Errors
    /// Why it is not valid here, for the log.
    pub async fn check(&self, token: &str) -> Result<String, String> {
        let claims = match self.checked_by_cloud_run && token.ends_with(SIGNATURE_REMOVED) {
            true => self.claims_without_signature(token)?,
            false => self.claims(token).await?,
        };
        let email = claims
            .email
            .filter(|_| claims.email_verified)
            .ok_or("it has no verified email")?;
        if !self.accounts.contains(&email.to_lowercase()) {
            return Err(format!("{email} is not one of ID_TOKEN_ACCOUNTS"));
        }
        Ok(email)
    }

    async fn claims(&self, token: &str) -> Result<Claims, String> {
        let header = decode_header(token).map_err(|e| why(&e))?;
        if header.alg != Algorithm::RS256 {
            return Err(format!(
                "it is signed by {:?}, not by RS256 as Google's are",
                header.alg
            ));
        }
        let key = self.key(&header.kid.ok_or("it names no key")?).await?;
        let token = decode::<Claims>(token, &key, &self.validation);
        Ok(token.map_err(|e| why(&e))?.claims)
    }

    /// Cloud Run let the caller in by this token, but knows nothing of our audiences.
    fn claims_without_signature(&self, token: &str) -> Result<Claims, String> {
        let claims: Claims = insecure_decode_claims(token).map_err(|e| why(&e))?;
        if !self.audiences.contains(&claims.aud) {
            return Err("it is for another audience".into());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if claims.exp + LEEWAY < now.as_secs() {
            return Err("it has expired".into());
        }
        Ok(claims)
    }

    async fn key(&self, id: &str) -> Result<DecodingKey, String> {
        let known = |keys: &Keys, age: Duration| {
            let fresh = keys.asked_at.is_some_and(|at| at.elapsed() < age);
            keys.by_id.get(id).filter(|_| fresh).cloned()
        };
        if let Some(key) = known(&*self.keys.read().await, self.fresh) {
            return Ok(key);
        }
        let mut keys = self.keys.write().await;
        let may_ask = keys.asked_at.is_none_or(|at| at.elapsed() >= self.least_pause);
        if may_ask && known(&keys, self.fresh).is_none() {
            keys.asked_at = Some(Instant::now());
            match self.fetch().await {
                Ok(by_id) => keys.by_id = by_id,
                Err(problem) => tracing::warn!("Google's keys can't be fetched: {problem}"),
            }
        }
        keys.by_id
            .get(id)
            .cloned()
            .ok_or_else(|| "it names a key that is not Google's".into())
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, String> {
        let answer = self.http.get(self.keys_url.clone()).send().await;
        let answer = answer
            .and_then(reqwest::Response::error_for_status)
            .map_err(|e| e.to_string())?;
        let set: JwkSet = answer.json().await.map_err(|e| e.to_string())?;
        let keys = set.keys.iter().filter_map(|key| {
            let id = key.common.key_id.clone()?;
            Some((id, DecodingKey::from_jwk(key).ok()?))
        });
        Ok(keys.collect())
    }
}

#[cfg(test)]
#[path = "../../tests/trigger/issuer.rs"]
mod issuer;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
        check.least_pause = Duration::ZERO;
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
        check.fresh = Duration::ZERO;
        check.check(&by_new).await.expect("known");
        assert_eq!(google.asked(), 4, "after their time known keys are asked for, too");
        google.forget("/certs");
        check
            .check(&by_new)
            .await
            .expect("keys are used longer if Google is away");
        assert_eq!(google.asked(), 5);
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
}
