//! Who may call, and as whom: bearer tokens, Google's ID tokens, Fivetran's signature.

pub mod fivetran;
mod google;

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mergemind_shared::auth::{self, Tokens};
use mergemind_shared::throttle::Throttle;
use mergemind_shared::{ApiError, Secret};

use crate::config::RunCallers;
use google::IdTokenCheck;

/// The header whose ID token Cloud Run checks instead of `Authorization`'s, if it is there:
/// <https://cloud.google.com/run/docs/authenticating/service-to-service>.
const SERVERLESS_AUTHORIZATION: HeaderName = HeaderName::from_static("x-serverless-authorization");
/// What a browser says about the page that a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets callers in.
#[derive(Debug)]
pub struct Authenticator {
    tokens: Tokens,
    google: Option<IdTokenCheck>,
    fivetran: Option<Secret>,
    throttle: Throttle,
}

/// Who a caller has shown to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Whoever knows a bearer token.
    Token,
    /// A Google service account, by its address.
    Account(String),
    /// Whoever knows the secret of Fivetran's webhook.
    Fivetran,
}

impl Caller {
    /// For the log and the history.
    pub fn name(&self) -> String {
        match self {
            Self::Token => "token".into(),
            Self::Account(email) => format!("account:{email}"),
            Self::Fivetran => "fivetran".into(),
        }
    }
}

impl Authenticator {
    /// As configured.
    ///
    /// # Errors
    /// If TLS can't be started.
    pub fn new(callers: &RunCallers) -> Result<Self, reqwest::Error> {
        let google = callers.google.as_ref().map(IdTokenCheck::new).transpose()?;
        Ok(Self {
            tokens: callers.tokens.clone(),
            google,
            fivetran: callers.fivetran.clone(),
            throttle: Throttle::default(),
        })
    }

    /// Lets a program in, which shows a bearer token or an ID token.
    ///
    /// # Errors
    /// 401, after a while that grows with the failures of `from`, the caller's address; 429 if too many of them wait.
    pub async fn authenticate(&self, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Caller, ApiError> {
        match self.recognise(headers).await {
            Ok(caller) => Ok(caller),
            Err(refusal) => Err(self.throttle.refuse(from, refusal).await),
        }
    }

    /// Lets a person's browser in, too, which shows a token as the password of HTTP's own dialogue.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`]; and 401 for what another page makes a browser send.
    pub async fn authenticate_browser(
        &self,
        method: &Method,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<Caller, ApiError> {
        let Some(password) = basic_password(headers) else {
            return self.authenticate(headers, from).await.map_err(|refusal| {
                // Makes a browser ask for the token; programs read the first challenge.
                let ask = HeaderValue::from_static("Basic realm=\"dbt-trigger: any name, AUTH_TOKEN as password\"");
                refusal.with_header(WWW_AUTHENTICATE, ask)
            });
        };
        // A browser adds the password by itself, also when somebody else's page makes it send a form.
        let harmless = matches!(*method, Method::GET | Method::HEAD)
            || headers.get(&SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
        if !harmless {
            return Err(self
                .throttle
                .refuse(from, auth::refused("this came from another page"))
                .await);
        }
        let mut as_bearer = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&[b"Bearer ", password.as_slice()].concat()) {
            as_bearer.insert(AUTHORIZATION, value);
        }
        self.authenticate(&as_bearer, from).await
    }

    /// The secret of Fivetran's webhook, if it may call.
    ///
    /// # Errors
    /// 401 if it may not.
    pub async fn fivetran_secret(&self, from: Option<IpAddr>) -> Result<&Secret, ApiError> {
        match &self.fivetran {
            Some(secret) => Ok(secret),
            None => {
                let refusal = ApiError::unauthorized("this function takes no webhook of Fivetran")
                    .with_hint("set FIVETRAN_WEBHOOK_SECRET to the webhook's secret");
                Err(self.throttle.refuse(from, refusal).await)
            }
        }
    }

    /// Slows a refusal down.
    pub async fn refuse(&self, from: Option<IpAddr>, refusal: ApiError) -> ApiError {
        self.throttle.refuse(from, refusal).await
    }

    async fn recognise(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let shown = auth::bearer(headers);
        let own = shown.as_ref().ok().and_then(|token| std::str::from_utf8(token).ok());
        let own = own.filter(|token| google::looks_like_one(token));
        let Some(google) = self.google.as_ref().filter(|_| own.is_some() || shown.is_err()) else {
            return self.tokens.check(headers).await.map(|()| Caller::Token);
        };
        // Where Cloud Run checks callers, the header that it checked is the only one that names an account: the other
        // one may hold whatever its caller has written.
        let checked = match google.is_checked_by_cloud_run() {
            true => single_bearer(headers, &SERVERLESS_AUTHORIZATION)?,
            false => None,
        };
        match checked.or(own) {
            Some(token) => match google.check(token).await {
                Ok(email) => Ok(Caller::Account(email)),
                Err(problem) => Err(ApiError::unauthorized("the ID token is not valid here").with_log(problem)),
            },
            None => self.tokens.check(headers).await.map(|()| Caller::Token),
        }
    }
}

/// The bearer token of the header `name`, if it is there.
///
/// # Errors
/// 401 if the header is there more than once or holds something else.
fn single_bearer<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    match (token, values.next()) {
        (Some(token), None) => Ok(Some(token)),
        _ => Err(auth::refused(
            "X-Serverless-Authorization is not one 'Bearer <ID token>'",
        )),
    }
}

/// The password of `Authorization: Basic …`.
fn basic_password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, rest) = value.as_bytes().split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = pair.iter().position(|b| *b == b':')?;
    Some(pair[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn auth() -> Authenticator {
        Authenticator {
            tokens: Tokens::new(Secret::new("real-one"), None),
            google: None,
            fivetran: None,
            throttle: Throttle::default(),
        }
    }

    fn basic(user_and_password: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(user_and_password));
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header"))])
    }

    #[tokio::test]
    async fn a_browser_shows_the_token_as_its_password() {
        let auth = auth();
        let good = basic("anybody:real-one");
        assert_eq!(
            auth.authenticate_browser(&Method::GET, &good, None).await.expect("in"),
            Caller::Token
        );
        let bad = basic("real-one:anything");
        assert_eq!(
            auth.authenticate_browser(&Method::GET, &bad, None)
                .await
                .expect_err("out")
                .status(),
            401
        );
        // Programs show it as a bearer token only.
        assert_eq!(auth.authenticate(&good, None).await.expect_err("out").status(), 401);
    }

    #[tokio::test]
    async fn another_page_cannot_make_a_browser_act() {
        let auth = auth();
        let mut headers = basic("anybody:real-one");
        for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, HeaderValue::from_static(site));
            }
            let refused = auth.authenticate_browser(&Method::POST, &headers, None).await;
            assert_eq!(refused.expect_err("out").status(), 401, "{site:?}");
        }
        headers.insert(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        assert!(auth.authenticate_browser(&Method::POST, &headers, None).await.is_ok());
    }

    proptest! {
        #[test]
        fn any_basic_header_is_read_or_left(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = b"Basic ".to_vec();
            bytes.extend(&value);
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            prop_assert!(basic_password(&headers).is_none_or(|password| password != b"real-one"));
        }
    }
}
