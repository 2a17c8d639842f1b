//! ID tokens that Google signs: of Cloud Scheduler, Pub/Sub, Eventarc, Cloud Run and the like.
//!
//! <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>. Google's own client is not
//! used for this: its verifier lets two simultaneous calls fail each other, and fetches keys anew for every token that
//! names a wrong one.

mod keys;

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use crate::config::GoogleCallers;
use keys::Keys;

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
    keys: Keys,
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
        Ok(Self {
            accounts: callers
                .accounts
                .iter()
                .map(|email| email.to_ascii_lowercase())
                .collect(),
            audiences: callers.audiences.clone(),
            checked_by_cloud_run: callers.checked_by_cloud_run,
            validation,
            keys: Keys::new(callers.keys_url.clone())?,
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
        let id = header.kid.ok_or(IdTokenError::NoKey)?;
        let key = self.keys.key(&id).await.ok_or(IdTokenError::UnknownKey)?;
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
}

#[cfg(test)]
#[path = "../../tests/trigger/issuer.rs"]
mod issuer;

#[cfg(test)]
mod tests;
