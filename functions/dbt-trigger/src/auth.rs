//! Who may cause a run: callers that show one of our tokens.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use mergemind_shared::{ApiError, Secret};

/// Checks the `Authorization: Bearer …` header against `tokens`.
///
/// # Errors
/// 401; its message tells how to show a token, never which part of one was right.
pub fn check(headers: &HeaderMap, tokens: &[Secret]) -> Result<(), ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let shown = match (values.next(), values.next()) {
        (None, _) => return Err(refused("this function needs a token")),
        (Some(_), Some(_)) => return Err(refused("there is more than one Authorization header")),
        (Some(value), None) => bearer(value.as_bytes()),
    };
    let Some(shown) = shown else {
        return Err(refused("the Authorization header is not of the form 'Bearer <token>'"));
    };
    // Every token is compared, so that the time does not tell which one matched.
    let known = tokens.iter().fold(false, |known, token| token.matches(shown) | known);
    if known {
        Ok(())
    } else {
        Err(refused("the token is not valid"))
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::unauthorized(message).with_hint("send the header 'Authorization: Bearer <AUTH_TOKEN>'")
}

/// The token of a `Bearer` header. The scheme's case does not matter (RFC 9110, section 11.1); a
/// token is never empty and has no blanks.
fn bearer(header: &[u8]) -> Option<&[u8]> {
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

    fn try_header(value: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        let Ok(value) = axum::http::HeaderValue::from_bytes(value) else {
            return false;
        };
        headers.insert(AUTHORIZATION, value);
        check(&headers, &[Secret::new("current-1"), Secret::new("before-1")]).is_ok()
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

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, "Bearer current-1".parse().expect("valid"));
        headers.append(AUTHORIZATION, "Bearer x".parse().expect("valid"));
        let error = check(&headers, &[Secret::new("current-1")]).unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (401, "unauthorized"));
    }

    #[test]
    fn no_header_is_401() {
        assert_eq!(check(&HeaderMap::new(), &[]).unwrap_err().status(), 401);
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
            prop_assert_eq!(bearer(header.as_bytes()), Some(token.as_bytes()));
        }
    }
}
