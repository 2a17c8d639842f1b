//! Tells what a page in a browser may have sent from what no browser sends. Without a token this is what keeps a page
//! that somebody visits from calling a function on the same machine.

use std::net::IpAddr;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use mergemind_shared::ApiError;

/// Lets through what no page in a browser can send without asking first.
///
/// # Errors
/// 403 for a foreign `Host` (DNS rebinding), an `Origin`, or a `Sec-Fetch-Site` that tells of a page; 415 for a body that
/// does not call itself JSON, as a form's.
pub fn refuse_pages(headers: &HeaderMap) -> Result<(), ApiError> {
    let problem = if !of_all(headers, HOST.as_str(), is_loopback) || !headers.contains_key(HOST) {
        "the Host is not a loopback address"
    } else if headers.contains_key(ORIGIN) {
        "it has an Origin"
    } else if !of_all(headers, "sec-fetch-site", |site| matches!(site, "none" | "same-origin")) {
        "its Sec-Fetch-Site tells of another page"
    } else if has_body(headers)
        && !(headers.contains_key(CONTENT_TYPE) && of_all(headers, CONTENT_TYPE.as_str(), is_json))
    {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "the body's Content-Type is not application/json",
        )
        .with_hint("send JSON with the header 'Content-Type: application/json', or no body"));
    } else {
        return Ok(());
    };
    let message = format!("this may come from a page in a browser: {problem}");
    Err(
        ApiError::new(StatusCode::FORBIDDEN, "may_be_a_page", message).with_hint(
            "set AUTH_TOKEN (openssl rand -hex 32) and show it; without one only programs on this machine may call",
        ),
    )
}

/// Whether each header of that name is `good`.
fn of_all(headers: &HeaderMap, name: &str, good: impl Fn(&str) -> bool) -> bool {
    let mut values = headers.get_all(name).iter();
    values.all(|value| value.to_str().is_ok_and(&good))
}

/// Whether a `Host` names this machine and nothing that a name server could answer for.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let address: Option<IpAddr> = address.unwrap_or(name).parse().ok();
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get_all(CONTENT_LENGTH)
            .iter()
            .any(|length| *length != HeaderValue::from_static("0"))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pairs: &[(&'static str, &str)]) -> u16 {
        let headers = pairs.iter().map(|(name, value)| {
            let value = value.parse().expect("a value");
            (name.parse::<axum::http::HeaderName>().expect("a name"), value)
        });
        let mut all = HeaderMap::new();
        headers.for_each(|(name, value)| {
            all.append(name, value);
        });
        refuse_pages(&all)
            .err()
            .map_or(200, |refused| refused.status().as_u16())
    }

    #[test]
    fn programs_are_let_through_and_pages_are_not() {
        let json = ("content-type", "application/json; charset=utf-8");
        let length = ("content-length", "2");
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "127.8.0.1"] {
            assert_eq!(status(&[("host", host), json, length]), 200, "{host}");
            assert_eq!(status(&[("host", host), ("content-length", "0")]), 200, "{host}");
        }
        for host in [
            "evil.example:8080",
            "evil.localhost",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0:8080",
            "127.0.0.1:80@evil.example",
            "[::1",
            "",
        ] {
            assert_eq!(status(&[("host", host), json, length]), 403, "{host}");
        }
        let here = ("host", "127.0.0.1:8080");
        assert_eq!(status(&[json, length]), 403, "no Host");
        assert_eq!(status(&[here, ("host", "evil.example"), json]), 403, "two of them");
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
        ] {
            assert_eq!(status(&[here, json, length, (name, value)]), 403, "{name}: {value}");
        }
        assert_eq!(status(&[here, json, length, ("sec-fetch-site", "none")]), 200);
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
        ] {
            assert_eq!(status(&[here, ("content-type", kind), length]), 415, "{kind}");
        }
        assert_eq!(status(&[here, length]), 415, "a body of no kind");
        assert_eq!(status(&[here, ("transfer-encoding", "chunked")]), 415);
        assert_eq!(status(&[here, json, ("content-type", "text/plain"), length]), 415);
    }
}
