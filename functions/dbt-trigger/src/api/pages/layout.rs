//! What all pages have in common: head, policy, words for times.

use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
/// Nothing but what is in the page itself.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// An artifact holds what the authors of the project, of its packages and of its data have written. It is of no origin, so
/// that nothing in it can act as whoever looks at it: it may run the scripts that it brings, and ask for nothing.
const ARTIFACT_POLICY: &str = "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; \
    style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether the caller is a browser that wants a page.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    let accept = String::from_utf8_lossy(accept).to_ascii_lowercase();
    let place = |kind| accept.find(kind).unwrap_or(usize::MAX);
    place("text/html") < place("application/json")
}

/// A whole page; `again` makes a browser look again after so many seconds.
pub(super) fn page(title: &str, again: Option<u8>, content: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(seconds) = again { meta http-equiv="refresh" content=(seconds); }
                title { (title) " · dbt-trigger" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    };
    secured("text/html; charset=utf-8", POLICY, page.into_string().into_bytes())
}

/// An artifact, as a browser may show it: without anything that it could do to its reader.
pub fn artifact(kind: &'static str, content: Vec<u8>) -> Response {
    secured(kind, ARTIFACT_POLICY, content)
}

fn secured(kind: &'static str, policy: &'static str, content: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, content).into_response()
}

/// A length of time as people say it.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.1} s"),
        _ if whole < 7_200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

/// `2026-05-22 00:06:08` of a time as our JSON has it.
pub(super) fn moment(text: &str) -> String {
    text.replacen('T', " ", 1).chars().take(19).collect()
}

/// One of the four colours.
pub(super) fn colour(status: &str) -> &'static str {
    match status {
        "success" | "pass" | "no-op" => "good",
        "warning" | "warn" | "fail" => "warn",
        "queued" | "running" => "busy",
        "skipped" | "cancelled" | "stopped" => "idle",
        _ => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_fitting_units() {
        for (length, said) in [
            (0.0, "0.00 s"),
            (9.5, "9.50 s"),
            (119.94, "119.9 s"),
            (179.7, "3 min 0 s"),
            (86_400.5, "24 h 0 min"),
        ] {
            assert_eq!(seconds(length), said);
        }
    }

    #[test]
    fn only_browsers_get_pages() {
        let wanted =
            |accept: &'static str| is_wanted(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        assert!(wanted(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        for accept in ["*/*", "application/json", "application/json, text/html", ""] {
            assert!(!wanted(accept), "{accept}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
