//! Pages: by number as most lists have them, and by key.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::request::{Call, Reply};

const DEFAULT: usize = 20;
const MOST: usize = 100;
/// Above so many rows GitLab does not tell how many there are.
const COUNTED: usize = 10_000;
const NO_KEYSET: &str = "Keyset pagination is not yet available for this type of request";

/// What GitLab tells about the length of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Told,
    /// GitLab only knows whether there is a next page.
    Untold,
    /// GitLab promises a next page whenever this one is full, and so an empty one now and then.
    Guessed,
}

impl Call<'_> {
    /// The page that is asked for, of `rows` in their order.
    pub fn page<T>(
        &self,
        mut rows: impl Iterator<Item = T>,
        length: Length,
        print: impl Fn(&T) -> Value,
    ) -> Result<Reply, Reply> {
        let (page, size) = (self.number("page", 1)?.max(1), self.size()?);
        let before = (page - 1).saturating_mul(size);
        // Counting on from a skipped row: `nth` would lose one.
        let skipped = rows.by_ref().take(before).count();
        let shown: Vec<Value> = rows.by_ref().take(size).map(|row| print(&row)).collect();
        let (total, more) = match length {
            Length::Told => {
                let left = rows.count();
                (Some(skipped + shown.len() + left), left > 0)
            }
            Length::Untold => (None, rows.next().is_some()),
            Length::Guessed => (None, shown.len() == size),
        };
        let total = total.filter(|total| *total <= COUNTED);
        Ok(Reply {
            headers: self.page_headers(page, size, total, more),
            ..Reply::of(Value::Array(shown))
        })
    }

    /// A page by key, of `rows` that begin behind the place that the address names. `key` gives the arguments that
    /// name the place behind a row.
    pub fn page_by_key<T>(
        &self,
        rows: impl Iterator<Item = T>,
        key: impl Fn(&T) -> (&'static str, String),
        length: Length,
        print: impl Fn(&T) -> Value,
    ) -> Result<Reply, Reply> {
        let size = self.size()?;
        let mut rows = rows.peekable();
        let shown: Vec<T> = rows.by_ref().take(size).collect();
        let more = match length {
            Length::Guessed => shown.len() == size,
            Length::Told | Length::Untold => rows.peek().is_some(),
        };
        let mut headers = vec![("x-per-page", size.to_string())];
        if let Some(last) = shown.last().filter(|_| more) {
            let (name, place) = key(last);
            if name == "cursor" {
                headers.push(("x-next-cursor", place.clone()));
            }
            let link = self.link(&[(name, place), ("per_page", size.to_string())], "next");
            headers.push(("link", link));
        }
        Ok(Reply {
            headers,
            ..Reply::of(shown.iter().map(print).collect())
        })
    }

    /// Whether pages go by key; refused where the order is not the only one that GitLab has an index for.
    pub fn is_by_key(&self, orders: &[&str], sorts: &[&str]) -> Result<bool, Reply> {
        if self.argument("pagination") != Some("keyset") {
            return Ok(false);
        }
        let fits = |name: &str, known: &[&str]| self.argument(name).is_none_or(|given| known.contains(&given));
        if fits("order_by", orders) && fits("sort", sorts) {
            Ok(true)
        } else {
            Err(Reply::error(405, NO_KEYSET))
        }
    }

    fn size(&self) -> Result<usize, Reply> {
        match self.number("per_page", DEFAULT)? {
            0 => Err(Reply::error(400, "per_page has a value not allowed")),
            size => Ok(size.min(MOST)),
        }
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Reply> {
        self.argument(name).map_or(Ok(default), |text| {
            text.parse()
                .map_err(|_| Reply::error(400, &format!("{name} is invalid")))
        })
    }

    fn page_headers(&self, page: usize, size: usize, total: Option<usize>, more: bool) -> Vec<(&'static str, String)> {
        let text = |page: Option<usize>| page.map_or(String::new(), |page| page.to_string());
        let (previous, next) = ((page > 1).then(|| page - 1), more.then_some(page + 1));
        let pages = total.map(|total| total.div_ceil(size));
        let places = [
            ("prev", previous),
            ("next", next),
            ("first", Some(1)),
            ("last", pages.map(|pages| pages.max(1))),
        ];
        let link = |(rel, place): (&str, Option<usize>)| {
            let numbers = [("page", place?.to_string()), ("per_page", size.to_string())];
            Some(self.link(&numbers, rel))
        };
        let links: Vec<String> = places.into_iter().filter_map(link).collect();
        let mut headers = vec![
            ("link", links.join(", ")),
            ("x-next-page", text(next)),
            ("x-page", page.to_string()),
            ("x-per-page", size.to_string()),
            ("x-prev-page", text(previous)),
        ];
        headers.extend(total.map(|total| ("x-total", total.to_string())));
        headers.extend(pages.map(|pages| ("x-total-pages", pages.to_string())));
        headers
    }

    /// This address with other arguments, as an entry of the header `Link`.
    fn link(&self, changed: &[(&'static str, String)], rel: &str) -> String {
        let kept = self.arguments.iter().filter(|(name, _)| {
            // The first page by key has no place yet, the second not the first one's.
            changed.iter().all(|(known, _)| known != name)
        });
        let mut arguments: Vec<(&str, &str)> = kept.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        arguments.extend(changed.iter().map(|(name, value)| (*name, value.as_str())));
        arguments.sort_unstable();
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(arguments)
            .finish();
        let (base, path) = (self.request.base, self.request.path);
        format!("<{base}{path}?{query}>; rel=\"{rel}\"")
    }
}

/// The cursor behind the row with an id, in the form of GitLab's cursors.
pub fn cursor(id: u64) -> String {
    BASE64_STANDARD.encode(json!({"id": id.to_string(), "_kd": "n"}).to_string())
}

/// The id in a cursor; None if it is none.
pub fn id_in(cursor: &str) -> Option<u64> {
    let bytes = BASE64_STANDARD.decode(cursor).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    value["id"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::World;
    use crate::rest::request::{Request, Token};

    fn page(query: &str, rows: usize, length: Length) -> Result<Reply, Reply> {
        let (world, token) = (
            World::empty(),
            Token {
                scopes: Vec::new(),
                expires_at: None,
            },
        );
        let request = Request {
            world: &world,
            path: "/api/v4/things",
            query,
            base: "http://gitlab",
            token: &token,
            now: 0,
        };
        Call::new(&request, Vec::new()).page(0..rows, length, |row| json!(row))
    }

    fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
        let found = reply.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_long_list_is_not_counted() {
        let told = page("per_page=500", 10_000, Length::Told).ok().expect("a page");
        assert_eq!(header(&told, "x-total"), Some("10000"));
        assert_eq!(
            (header(&told, "x-per-page"), header(&told, "x-total-pages")),
            (Some("100"), Some("100"))
        );
        let long = page("", 10_001, Length::Told).ok().expect("a page");
        assert_eq!((header(&long, "x-total"), header(&long, "x-total-pages")), (None, None));
        assert_eq!(header(&long, "x-next-page"), Some("2"));
        let link = header(&long, "link").expect("links");
        assert!(
            link.contains("rel=\"next\"") && !link.contains("rel=\"last\""),
            "{link}"
        );
    }

    #[test]
    fn a_guessed_list_may_end_in_an_empty_page() {
        let full = page("per_page=5", 5, Length::Guessed).ok().expect("a page");
        assert_eq!(header(&full, "x-next-page"), Some("2"));
        let empty = page("per_page=5&page=2", 5, Length::Guessed).ok().expect("a page");
        assert_eq!((&empty.body, header(&empty, "x-next-page")), (&json!([]), Some("")));
    }

    #[test]
    fn nonsense_is_refused() {
        for query in ["page=x", "per_page=0", "per_page=-1"] {
            assert_eq!(
                page(query, 5, Length::Told).err().map(|reply| reply.status),
                Some(400),
                "{query}"
            );
        }
    }

    #[test]
    fn a_cursor_is_read_back() {
        assert_eq!(id_in(&cursor(4711)), Some(4711));
        assert_eq!(id_in("nonsense"), None);
    }
}
