//! Answers that are not GitLab's: of a proxy, a firewall, or a page to sign in at.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};

/// What people are told of an answer that is no JSON: its status, and its title or first line.
pub fn described(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(100_000)]);
    // Lengths stay the same, so places do.
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let begin = at + lower[at..].find('>')? + 1;
        let end = begin + lower[begin..].find("</title")?;
        Some(&text[begin..end])
    });
    let is_page = text.trim_start().starts_with('<');
    let said = title
        .or_else(|| text.lines().next().filter(|_| !is_page))
        .unwrap_or_default();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said: String = said.chars().filter(|c| !c.is_control()).take(100).collect();
    match said.is_empty() {
        true => format!("HTTP {status} without JSON"),
        false => format!("HTTP {status} {said:?}"),
    }
}

/// Where an answer leads, without what may be secret in it.
pub fn target(headers: &HeaderMap) -> String {
    let told = headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("an address that it does not name");
    let bare = told.split(['?', '#']).next().unwrap_or(told);
    let bare = match bare.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            format!("{scheme}://{}/{path}", host.rsplit('@').next().unwrap_or(host))
        }
        None => bare.to_owned(),
    };
    bare.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_named_by_its_title() {
        let of = |body: &str| described(StatusCode::FORBIDDEN, body.as_bytes());
        let page = "<!DOCTYPE html><html><head>\n<TITLE lang=en>Attention Required!\n | Cloudflare</TITLE>";
        assert_eq!(of(page), "HTTP 403 Forbidden \"Attention Required! | Cloudflare\"");
        assert_eq!(
            of("Too many logins from different IPs\n"),
            "HTTP 403 Forbidden \"Too many logins from different IPs\""
        );
        assert_eq!(of("<html>"), "HTTP 403 Forbidden without JSON");
        assert_eq!(of("<title>no end"), "HTTP 403 Forbidden without JSON");
    }

    #[test]
    fn where_it_leads_is_told_without_secrets() {
        let mut headers = HeaderMap::new();
        headers.insert(
            LOCATION,
            "https://me:pass@x.example/api/graphql?private_token=abc"
                .parse()
                .expect("a header"),
        );
        assert_eq!(target(&headers), "https://x.example/api/graphql");
        headers.insert(LOCATION, "/users/sign_in#x".parse().expect("a header"));
        assert_eq!(target(&headers), "/users/sign_in");
    }
}
