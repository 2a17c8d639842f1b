//! Who may call: callers that show one of our bearer tokens.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::config::Env;
use crate::{ApiError, Secret};

/// The tokens that callers may show: the current one and, while it is being replaced, the one before.
#[derive(Clone, Debug)]
pub struct Tokens(Vec<Secret>);

impl Tokens {
    /// Of the current token and the previous one, if that is still valid.
    #[must_use]
    pub fn new(current: Secret, previous: Option<Secret>) -> Self {
        Self(std::iter::once(current).chain(previous).collect())
    }

    /// Checks the `Authorization: Bearer …` header.
    ///
    /// # Errors
    /// 401; its message tells how to show a token, never which part of one was right.
    pub async fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.check_shown(bearer(headers)?).await
    }

    /// Checks a token, wherever it was shown. If none matches, those in Secret Manager are read again, so that a rotated
    /// one is valid at once.
    ///
    /// # Errors
    /// As [`Tokens::check`].
    pub async fn check_shown(&self, shown: &[u8]) -> Result<(), ApiError> {
        if self.know(shown) {
            return Ok(());
        }
        for token in &self.0 {
            token.renew().await;
        }
        // Also when nothing changed: another request may have read a new value meanwhile.
        if self.know(shown) {
            Ok(())
        } else {
            Err(refused("the token is not valid"))
        }
    }

    /// Every token is compared, so that the time does not tell which one matched.
    fn know(&self, shown: &[u8]) -> bool {
        self.0.iter().fold(false, |known, token| token.matches(shown) | known)
    }
}

/// A bearer token ends at a blank.
///
/// # Errors
/// If `secret` holds one.
pub fn has_no_blank(secret: &Secret) -> Result<(), String> {
    match secret.expose().contains(char::is_whitespace) {
        true => Err("holds a blank, so that no caller can show it; make one with: openssl rand -hex 32".into()),
        false => Ok(()),
    }
}

/// Declares and reads `AUTH_TOKEN_PREVIOUS`, the token before the current one; `None`: callers show the current one.
pub fn read_previous(env: &mut Env) -> Option<Secret> {
    env.token(
        "AUTH_TOKEN_PREVIOUS",
        "an older token that stays valid while callers change over",
    )
    .check(has_no_blank)
    .optional()
}

/// Declares and reads `ID_TOKEN_CHECKED_BY_CLOUD_RUN`: whether this is a private service of Cloud Run, which lets in only
/// callers whose ID token it has checked.
pub fn read_checked_by_cloud_run(env: &mut Env, description: &str) -> bool {
    const NAME: &str = "ID_TOKEN_CHECKED_BY_CLOUD_RUN";
    let checked = env.bool(NAME, description).default(false);
    let on_cloud_run = env.is_set("K_SERVICE");
    if checked && !on_cloud_run {
        env.problem(
            NAME,
            "is true, but this is not Cloud Run, so nobody has checked them; leave it unset",
        );
    }
    checked && on_cloud_run
}

/// The one bearer token of a request.
///
/// # Errors
/// 401 if there is none, or more than one.
pub fn bearer(headers: &HeaderMap) -> Result<&[u8], ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(refused("this function needs a token")),
        (Some(_), Some(_)) => Err(refused("there is more than one Authorization header")),
        (Some(value), None) => token_of(value.as_bytes())
            .ok_or_else(|| refused("the Authorization header is not of the form 'Bearer <token>'")),
    }
}

/// 401, with what to send instead.
pub fn refused(message: &str) -> ApiError {
    ApiError::unauthorized(message).with_hint("send the header 'Authorization: Bearer <AUTH_TOKEN>'")
}

/// The token of a `Bearer` header. The scheme's case does not matter (RFC 9110, section 11.1); a
/// token is never empty and has no blanks.
fn token_of(header: &[u8]) -> Option<&[u8]> {
    let header = header.trim_ascii();
    let (scheme, token) = header.split_at_checked(b"Bearer".len())?;
    let token = token.strip_prefix(b" ")?.trim_ascii();
    let valid = !token.is_empty() && !token.contains(&b' ') && !token.contains(&b'\t');
    (scheme.eq_ignore_ascii_case(b"Bearer") && valid).then_some(token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(Secret::new("current-1"), Some(Secret::new("before-1")))
    }

    fn try_header(value: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        let Ok(value) = axum::http::HeaderValue::from_bytes(value) else {
            return false;
        };
        headers.insert(AUTHORIZATION, value);
        bearer(&headers).is_ok_and(|shown| tokens().know(shown))
    }

    #[test]
    fn both_tokens_are_good_and_nothing_else_is() {
        assert!(try_header(b"Bearer current-1"));
        assert!(try_header(b"bearer  before-1 "));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "current-1",
            "Basic current-1",
            "Bearer current-12",
            "Bearer current-",
            "Bearercurrent-1",
            "Bearer current-1 x",
            "Bearer current-1, Bearer x",
        ] {
            assert!(!try_header(wrong.as_bytes()), "{wrong}");
        }
    }

    #[tokio::test]
    async fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, "Bearer current-1".parse().expect("valid"));
        assert!(tokens().check(&headers).await.is_ok());
        headers.append(AUTHORIZATION, "Bearer x".parse().expect("valid"));
        let error = tokens().check(&headers).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (401, "unauthorized"));
    }

    #[tokio::test]
    async fn no_header_is_401() {
        assert_eq!(tokens().check(&HeaderMap::new()).await.unwrap_err().status(), 401);
    }

    proptest! {
        #[test]
        fn only_the_token_opens(header in prop::collection::vec(any::<u8>(), 0..60)) {
            let token = header.trim_ascii().split(|b| *b == b' ').next_back().unwrap_or_default();
            prop_assume!(token != b"current-1" && token != b"before-1");
            prop_assert!(!try_header(&header));
        }

        #[test]
        fn any_token_is_found_again(token in "[!-~]{1,80}") {
            let header = format!("Bearer {token}");
            prop_assert_eq!(token_of(header.as_bytes()), Some(token.as_bytes()));
        }
    }
}
