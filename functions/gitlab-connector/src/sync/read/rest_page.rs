//! A page of a list of the REST API, in smaller ones if it is too much.

use serde_json::Value as Json;

use crate::gitlab::{Client, Error, NextPage, Patience, with_argument};

/// A page.
#[derive(Default)]
pub struct RestRows {
    pub nodes: Vec<Json>,
    pub next: Option<NextPage>,
    /// Addresses of rows that are too large.
    pub too_large: Vec<String>,
}

/// Reads a page. One that is too large, or takes GitLab too long, is read in parts, down to the row; a row that is too
/// much alone is left out, where its number tells what follows.
///
/// # Errors
/// Whatever stopped it.
pub async fn read(client: &Client, stream: &'static str, address: &str, patience: Patience) -> Result<RestRows, Error> {
    let error = match client.page(stream, address, patience).await {
        Ok(page) => {
            let Json::Array(nodes) = page.data else {
                let (path, _) = address.split_once('?').unwrap_or((address, ""));
                return Err(Error::Unexpected(format!("the list at {path} is not a list")));
            };
            return Ok(RestRows {
                nodes,
                next: page.next,
                too_large: Vec::new(),
            });
        }
        Err(error @ Error::TooMuch(_)) => error,
        Err(error) => return Err(error),
    };
    let number = |name: &str| {
        let (_, query) = address.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name)?.1.parse::<u64>().ok()
    };
    let (size, place) = (number("per_page").unwrap_or(1), number("page").unwrap_or(1));
    let is_by_key = address.contains("pagination=keyset");
    let parts = [2, 5, size].into_iter().find(|parts| size % parts == 0).unwrap_or(1);
    let with = |name: &'static str, number: u64| with_argument(address, name, &number.to_string());
    let next = |number: u64| NextPage {
        path: with("page", number),
        is_guess: true,
    };
    if size <= 1 {
        if is_by_key {
            return Err(error);
        }
        return Ok(RestRows {
            next: Some(next(place.saturating_add(1))),
            too_large: vec![address.to_owned()],
            ..RestRows::default()
        });
    }
    tracing::warn!(from = size, to = size / parts, "{error}; asking for a smaller page");
    let smaller = with("per_page", size / parts);
    if is_by_key {
        let mut page = Box::pin(read(client, stream, &smaller, patience)).await?;
        // The next one may be as large as any.
        if let Some(next) = &mut page.next {
            next.path = with_argument(&next.path, "per_page", &size.to_string());
        }
        return Ok(page);
    }
    let mut whole = RestRows::default();
    let last = place.saturating_mul(parts);
    for part in last.saturating_sub(parts) + 1..=last {
        let address = with_argument(&smaller, "page", &part.to_string());
        let page = Box::pin(read(client, stream, &address, patience)).await?;
        whole.nodes.extend(page.nodes);
        whole.too_large.extend(page.too_large);
        whole.next = page.next.map(|_| next(place.saturating_add(1)));
        if whole.next.is_none() {
            break;
        }
    }
    Ok(whole)
}
