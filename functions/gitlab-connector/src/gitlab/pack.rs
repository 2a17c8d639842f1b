//! Puts lists into as few queries as GitLab's score allows.

use crate::gitlab::compose::{Ask, asks_of, compose};
use crate::gitlab::cost::{self, LARGEST_PAGE};
use crate::gitlab::graphql::LONGEST_TEXT;
use crate::gitlab::limits::Limits;
use crate::gitlab::list::{Connection, Rows};

/// Whether these lists fit one query.
fn fit(asks: &[Ask], limit: u32) -> bool {
    let query = compose(asks).query;
    cost::of(&query) <= limit && query.write("Operation").0.chars().count() + 100 <= LONGEST_TEXT
}

/// How many of these lists fit one query, from the first on; one at least.
pub fn fitting(lists: &[Connection], limit: u32) -> usize {
    let asks = asks_of(lists.to_vec());
    most(asks.len(), |count| fit(&asks[..count], limit)).max(1)
}

/// How many rows of a list come at once: as many as are asked for, GitLab can give, and its score allows.
pub fn page_size(list: &Connection, limits: &Limits) -> u32 {
    let Rows::Page { first, .. } = list.rows else {
        return LARGEST_PAGE;
    };
    let asked = list.clone().first(first.min(limits.page_size(list)));
    let shrunk = asks_of(vec![asked])
        .into_iter()
        .flat_map(|ask| shrunk(ask, limits.score()));
    let sizes = shrunk.filter_map(|ask| match ask.connection.rows {
        Rows::Page { first, .. } => Some(first),
        Rows::Named { .. } => None,
    });
    sizes.min().unwrap_or(first)
}

/// Packs lists into as few queries as possible, in their order. A list that is too much for one query alone is asked
/// for in parts, or in smaller pages.
pub fn pack(asks: Vec<Ask>, limit: u32) -> Vec<Vec<Ask>> {
    let asks: Vec<Ask> = asks.into_iter().flat_map(|ask| shrunk(ask, limit)).collect();
    let (mut left, mut packed) = (&asks[..], Vec::new());
    while !left.is_empty() {
        let count = most(left.len(), |count| fit(&left[..count], limit)).max(1);
        packed.push(left[..count].to_vec());
        left = &left[count..];
    }
    packed
}

/// A list in parts that fit a query each.
fn shrunk(ask: Ask, limit: u32) -> Vec<Ask> {
    let with = |rows: Rows| Ask {
        connection: Connection {
            rows,
            ..ask.connection.clone()
        },
        list: ask.list,
    };
    match &ask.connection.rows {
        Rows::Named { names, .. } if names.is_empty() => Vec::new(),
        Rows::Named { argument, names } => {
            let of = |names: &[String]| {
                with(Rows::Named {
                    argument,
                    names: names.to_vec(),
                })
            };
            let largest = names.len().min(LARGEST_PAGE as usize);
            let count = most(largest, |count| fit(&[of(&names[..count])], limit)).max(1);
            names.chunks(count).map(of).collect()
        }
        Rows::Page { first, after } => {
            let of = |first: u32| {
                with(Rows::Page {
                    first,
                    after: after.clone(),
                })
            };
            let largest = (*first).clamp(1, LARGEST_PAGE) as usize;
            let first = most(largest, |first| fit(&[of(first as u32)], limit)).max(1);
            vec![of(first as u32)]
        }
    }
}

/// The largest number up to `largest` that is well; each is if a larger one is.
fn most(largest: usize, is_well: impl Fn(usize) -> bool) -> usize {
    if is_well(largest) {
        return largest;
    }
    let (mut well, mut bad) = (0, largest);
    while bad - well > 1 {
        let middle = well + (bad - well) / 2;
        if is_well(middle) { well = middle } else { bad = middle }
    }
    well
}
