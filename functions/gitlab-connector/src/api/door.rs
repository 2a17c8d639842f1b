//! Who is let in, by the head of a request alone. Whoever is not has to wait for the answer.

use std::net::IpAddr;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use mergemind_shared::ApiError;
use mergemind_shared::auth::Tokens;
use mergemind_shared::throttle::{Stranger, Throttle, address_of};

use crate::api::browser;
use crate::config::SyncCallers;

/// Lets callers in.
#[derive(Debug)]
pub struct Door {
    callers: SyncCallers,
    throttle: Throttle,
}

impl Door {
    /// For these callers.
    pub fn new(callers: SyncCallers) -> Self {
        Self {
            callers,
            throttle: Throttle::default(),
        }
    }

    /// Lets in who may ask for a sync.
    ///
    /// # Errors
    /// 401 without the token, see [`Door::refuse`]; where there is none, 403 or 415 for what a page in a browser may have
    /// sent.
    pub async fn admit(&self, parts: &Parts) -> Result<(), ApiError> {
        let Some(tokens) = &self.callers.tokens else {
            return match self.callers.checked_by_cloud_run {
                true => Ok(()),
                false => browser::refuse_pages(&parts.headers),
            };
        };
        match tokens.check(&parts.headers).await {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.refuse(parts, refusal).await),
        }
    }

    /// Whether the head shows who may have rows. If not, the body may show it, see [`Door::admit_reader`].
    ///
    /// # Errors
    /// 401 for everybody if there is no token.
    pub async fn is_reader(&self, parts: &Parts) -> Result<bool, ApiError> {
        let tokens = self.tokens(parts).await?;
        Ok(parts.headers.contains_key(AUTHORIZATION) && tokens.check(&parts.headers).await.is_ok())
    }

    /// Lets in who has shown the token in the body.
    ///
    /// # Errors
    /// 401 for all others, see [`Door::refuse`].
    pub async fn admit_reader(&self, parts: &Parts, shown: Option<&str>) -> Result<(), ApiError> {
        let checked = match shown {
            Some(token) => self.tokens(parts).await?.check_shown(token.trim().as_bytes()).await,
            None => Err(ApiError::unauthorized("this function needs a token").with_hint(
                "send the header 'Authorization: Bearer <AUTH_TOKEN>', or have it as auth_token among the body's secrets",
            )),
        };
        match checked {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.refuse(parts, refusal).await),
        }
    }

    /// Returns `refusal` after a while that grows with the failures of the same address; 429 if too many of them wait.
    pub async fn refuse(&self, parts: &Parts, refusal: ApiError) -> ApiError {
        self.throttle.refuse(self.address(parts), refusal).await
    }

    /// Who sends this, as far as its address tells.
    pub fn stranger(&self, parts: &Parts) -> Stranger<'_> {
        self.throttle.stranger(self.address(parts))
    }

    fn address(&self, parts: &Parts) -> Option<IpAddr> {
        address_of(&parts.extensions, &parts.headers, self.callers.on_cloud_run)
    }

    async fn tokens(&self, parts: &Parts) -> Result<&Tokens, ApiError> {
        match &self.callers.tokens {
            Some(tokens) => Ok(tokens),
            None => {
                let refusal =
                    ApiError::unauthorized("rows are handed out only to who shows a token, and there is none")
                        .with_hint("set AUTH_TOKEN (openssl rand -hex 32), and give it to Fivetran");
                Err(self.refuse(parts, refusal).await)
            }
        }
    }
}
