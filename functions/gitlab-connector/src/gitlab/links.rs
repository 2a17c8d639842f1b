//! Where a list of the REST API goes on. See docs/gitlab.md#rest-pages.

use reqwest::header::{HeaderMap, LINK};

/// Rows of a page if nobody says how many.
const USUAL: usize = 20;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The address below `/api/v4/`.
    pub path: String,
    /// Whether GitLab did not say that there is more, and only the page is full.
    pub is_guess: bool,
}

/// The page after `path`, which has `count` rows: what the links say, else the number of the next page, else a full page
/// is followed by another one. Proxies add links of their own, and take headers away. GitLab's links may name another
/// host than the one that was asked, so only their query is taken.
pub fn next_page(path: &str, headers: &HeaderMap, count: usize) -> Option<Next> {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let told = |path| Some(Next { path, is_guess: false });
    let texts = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let links: Vec<Link<'_>> = texts.flat_map(links).collect();
    if let Some(link) = links.iter().find(|link| link.is("next"))
        && let Some((_, query)) = link.address.split_once('?')
    {
        return told(format!("{bare}?{query}"));
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(cursor) = header("x-next-cursor").filter(|cursor| !cursor.is_empty()) {
        return told(format!("{bare}?{}", with(query, "cursor", cursor)));
    }
    if let Some(number) = header("x-next-page") {
        let number: Option<u64> = number.parse().ok();
        return number.and_then(|number| told(format!("{bare}?{}", with(query, "page", &number.to_string()))));
    }
    // GitLab names the other pages, and none after this one; by keys, all but the last name one.
    let is_told = links
        .iter()
        .any(|link| ["first", "last", "prev"].iter().any(|rel| link.is(rel)));
    let number = |name: &str| argument(query, name).and_then(|text| text.parse::<usize>().ok());
    let size = header("x-per-page").and_then(|size| size.parse().ok());
    let size = size.or(number("per_page")).unwrap_or(USUAL);
    if is_told || count < size || argument(query, "pagination").is_some() {
        return None;
    }
    let page = number("page").unwrap_or(1).saturating_add(1);
    Some(Next {
        path: format!("{bare}?{}", with(query, "page", &page.to_string())),
        is_guess: true,
    })
}

/// A link of a header, `<address>; rel="next"`.
struct Link<'a> {
    address: &'a str,
    parameters: &'a str,
}

impl Link<'_> {
    fn is(&self, wanted: &str) -> bool {
        self.parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let mut rels = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && rels.any(|rel| rel.eq_ignore_ascii_case(wanted))
        })
    }
}

/// All links of a header; an address may hold commas.
fn links(header: &str) -> Vec<Link<'_>> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((address, after)) = after.split_once('>') else {
            break;
        };
        let (parameters, _) = after.split_once('<').unwrap_or((after, ""));
        rest = &after[parameters.len()..];
        let parameters = parameters.trim_end().trim_end_matches(',');
        found.push(Link { address, parameters });
    }
    found
}

fn argument<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// An address with this argument instead of one of that name.
pub fn with_argument(address: &str, name: &str, value: &str) -> String {
    let (bare, query) = address.split_once('?').unwrap_or((address, ""));
    format!("{bare}?{}", with(query, name, value))
}

/// The query with this argument instead of one of that name.
fn with(query: &str, name: &str, value: &str) -> String {
    let others = query.split('&').filter(|pair| {
        let (known, _) = pair.split_once('=').unwrap_or((pair, ""));
        !pair.is_empty() && known != name
    });
    let value = url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
    others
        .map(ToOwned::to_owned)
        .chain([format!("{name}={value}")])
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "projects/7/jobs?per_page=100";

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a header"));
        }
        headers
    }

    fn next(fields: &[(&'static str, &str)], count: usize) -> Option<String> {
        next_page(PATH, &headers(fields), count).map(|next| next.path)
    }

    #[test]
    fn the_next_page_is_asked_of_the_same_host() {
        let link = r#"<https://inside.example/api/v4/projects/7/jobs?cursor=a,b&per_page=100>; rel="next", <https://inside.example/>; rel="first""#;
        assert_eq!(
            next(&[("link", link)], 100).as_deref(),
            Some("projects/7/jobs?cursor=a,b&per_page=100")
        );
        assert_eq!(next_page("projects/7/jobs", &HeaderMap::new(), 0), None);
    }

    #[test]
    fn the_links_of_all_headers_count() {
        let preload = ("link", "</a.css>; rel=preload; as=style");
        let gitlab = ("link", r#"<http://x/y?page=2>; REL="last next""#);
        let expected = Some("projects/7/jobs?page=2".to_owned());
        assert_eq!(next(&[preload, gitlab], 1), expected);
        assert_eq!(next(&[gitlab, preload], 1), expected);
        assert_eq!(next(&[("link", "<http://x/y?page=2>; rel=next")], 1), expected);
    }

    #[test]
    fn without_links_the_number_of_the_next_page_counts_and_else_a_full_page_has_one() {
        let second = Some("projects/7/jobs?per_page=100&page=2".to_owned());
        assert_eq!(next(&[("x-next-page", "2")], 3), second);
        assert_eq!(next(&[("x-next-page", "")], 100), None);
        assert_eq!((next(&[], 100), next(&[], 99)), (second.clone(), None));
        assert_eq!(next(&[("x-per-page", "50")], 50), second);
        assert_eq!(next(&[("link", r#"<http://x/?page=1>; rel="first""#)], 100), None);
        assert!(next_page(PATH, &HeaderMap::new(), 100).is_some_and(|next| next.is_guess));
        let third = next_page("a?page=2&per_page=1", &HeaderMap::new(), 1).map(|next| next.path);
        assert_eq!(third.as_deref(), Some("a?per_page=1&page=3"));
    }

    #[test]
    fn the_end_of_a_list_by_keys_is_not_guessed() {
        let path = "projects/7/jobs?per_page=100&pagination=keyset";
        assert_eq!(next_page(path, &HeaderMap::new(), 100), None);
        let found = next_page(path, &headers(&[("x-next-cursor", "a=b")]), 100).map(|next| next.path);
        assert_eq!(
            found.as_deref(),
            Some("projects/7/jobs?per_page=100&pagination=keyset&cursor=a%3Db")
        );
    }
}
