//! ID tokens that Google signs: of Cloud Scheduler, Pub/Sub, Eventarc, Cloud Run and the like.
//!
//! <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>. The
//! keys are fetched when a token names one that is not known, kept for an hour, and used longer if
//! Google can't be reached. Google's own client is not used for this: its verifier lets two simultaneous
//! calls fail each other, and fetches keys anew for every token that names a wrong one.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use tokio::sync::Mutex;
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
/// Google's keys are below 2 KiB.
const KEYS_LIMIT: usize = 256 * 1024;
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
    /// Held while keys are asked for, so that one asks for all; nobody else waits for it.
    asking: Mutex<()>,
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
    iss: String,
    #[serde(default)]
    aud: String,
    #[serde(default)]
    exp: u64,
}

/// Why a token is not valid here, for the log: without what stands in it, but for the address it is of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Errors of parsers repeat what they parse, so they are left out.
    #[error("it can't be read as a JSON Web Token")]
    Unreadable,
    /// Its signature or its claims.
    #[error("{0}")]
    Invalid(String),
    /// Google signs by RS256.
    #[error("it is signed by {0:?}, not by RS256 as Google's are")]
    Algorithm(Algorithm),
    /// It does not say which key it is signed by.
    #[error("it names no key")]
    NoKey,
    /// It says that it is signed by a key that Google has not published.
    #[error("it names a key that is not Google's")]
    UnknownKey,
    /// Checked here only where Cloud Run took the signature away.
    #[error("it is of another issuer")]
    Issuer,
    /// The same.
    #[error("it is for another audience")]
    Audience,
    /// The same.
    #[error("it has expired")]
    Expired,
    /// Google has not made sure whose it is.
    #[error("it has no verified email")]
    NoEmail,
    /// Of an account that may not call.
    #[error("{0} is not one of ID_TOKEN_ACCOUNTS")]
    Account(String),
}

impl From<jsonwebtoken::errors::Error> for IdTokenError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        match error.kind() {
            ErrorKind::Json(_) | ErrorKind::Base64(_) | ErrorKind::Utf8(_) => Self::Unreadable,
            _ => Self::Invalid(error.to_string()),
        }
    }
}

/// Why keys can't be fetched.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("they can't be read: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the answer is larger than {KEYS_LIMIT} bytes")]
    TooLarge,
}

/// Whether `token` has a JSON Web Token's form, unlike the bearer tokens that people make.
pub fn looks_like_one(token: &str) -> bool {
    token.len() <= TOKEN_LIMIT && token.starts_with("eyJ") && token.bytes().filter(|b| *b == b'.').count() == 2
}

impl IdTokenCheck {
    /// As configured.
    ///
    /// # Errors
    /// If TLS can't be started.
    pub fn new(callers: &GoogleCallers) -> Result<Self, reqwest::Error> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = LEEWAY;
        validation.set_issuer(&ISSUERS);
        validation.set_audience(&callers.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Self {
            accounts: callers
                .accounts
                .iter()
                .map(|email| email.to_ascii_lowercase())
                .collect(),
            audiences: callers.audiences.clone(),
            checked_by_cloud_run: callers.checked_by_cloud_run,
            validation,
            keys_url: callers.keys_url.clone(),
            http: http?,
            keys: RwLock::default(),
            asking: Mutex::default(),
            fresh: FRESH,
            least_pause: LEAST_PAUSE,
        })
    }

    /// Whether Cloud Run has checked callers before they get here.
    pub fn is_checked_by_cloud_run(&self) -> bool {
        self.checked_by_cloud_run
    }

    /// The account that `token` is of.
    ///
    /// # Errors
    /// Why it is not valid here.
    pub async fn check(&self, token: &str) -> Result<String, IdTokenError> {
        let claims = match self.checked_by_cloud_run && token.ends_with(SIGNATURE_REMOVED) {
            true => self.claims_without_signature(token)?,
            false => self.claims(token).await?,
        };
        let email = claims
            .email
            .filter(|_| claims.email_verified)
            .ok_or(IdTokenError::NoEmail)?;
        if !self.accounts.contains(&email.to_ascii_lowercase()) {
            return Err(IdTokenError::Account(email));
        }
        Ok(email)
    }

    async fn claims(&self, token: &str) -> Result<Claims, IdTokenError> {
        let header = decode_header(token)?;
        if header.alg != Algorithm::RS256 {
            return Err(IdTokenError::Algorithm(header.alg));
        }
        let key = self.key(&header.kid.ok_or(IdTokenError::NoKey)?).await?;
        let token = decode::<Claims>(token, &key, &self.validation);
        Ok(token?.claims)
    }

    /// Cloud Run let the caller in by this token, but knows nothing of our audiences.
    fn claims_without_signature(&self, token: &str) -> Result<Claims, IdTokenError> {
        let claims: Claims = insecure_decode_claims(token)?;
        if !ISSUERS.contains(&claims.iss.as_str()) {
            return Err(IdTokenError::Issuer);
        }
        if !self.audiences.contains(&claims.aud) {
            return Err(IdTokenError::Audience);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if claims.exp.saturating_add(LEEWAY) < now.as_secs() {
            return Err(IdTokenError::Expired);
        }
        Ok(claims)
    }

    async fn key(&self, id: &str) -> Result<DecodingKey, IdTokenError> {
        let (known, is_fresh) = self.known(id);
        if let (Some(key), true) = (&known, is_fresh) {
            return Ok(key.clone());
        }
        // Whoever has a key that may be outdated does not wait for another one who asks already.
        let asking = match known {
            Some(key) => match self.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(key),
            },
            None => self.asking.lock().await,
        };
        let (known, is_fresh) = self.known(id);
        if known.is_none() || !is_fresh {
            self.renew().await;
        }
        drop(asking);
        self.known(id).0.ok_or(IdTokenError::UnknownKey)
    }

    /// The key of that id, and whether keys were asked for lately.
    fn known(&self, id: &str) -> (Option<DecodingKey>, bool) {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = keys.asked_at.is_some_and(|at| at.elapsed() < self.fresh);
        (keys.by_id.get(id).cloned(), is_fresh)
    }

    /// Asks for the keys, unless that was done a moment ago.
    async fn renew(&self) {
        {
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            if keys.asked_at.is_some_and(|at| at.elapsed() < self.least_pause) {
                return;
            }
            keys.asked_at = Some(Instant::now());
        }
        match self.fetch().await {
            Ok(by_id) => self.keys.write().unwrap_or_else(PoisonError::into_inner).by_id = by_id,
            Err(problem) => tracing::warn!("Google's keys can't be fetched: {problem}"),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, DecodingKey>, KeysError> {
        let mut answer = self.http.get(self.keys_url.clone()).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > KEYS_LIMIT {
                return Err(KeysError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let set: JwkSet = serde_json::from_slice(&body)?;
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
        check.least_pause = Duration::ZERO;
        let [known, unknown] = [&known, &unknown].map(|key| key.token(&json!({})));
        check.check(&known).await.expect("known");
        // It takes connections and never answers.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("an address");
        check.keys_url = Url::parse(&format!("http://{address}/")).expect("an address");
        let stranger = check.check(&unknown);
        let caller = async {
            let (_connection, _) = silent.accept().await.expect("asked");
            let begun = Instant::now();
            assert_eq!(check.check(&known).await.as_deref(), Ok(ACCOUNT));
            assert!(
                begun.elapsed() < Duration::from_secs(2),
                "it waited {:?}",
                begun.elapsed()
            );
        };
        tokio::select! {
            _ = stranger => panic!("nobody has answered"),
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
}
