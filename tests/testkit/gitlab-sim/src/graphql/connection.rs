//! Cutting a list into pages: `first`, `last`, `after`, `before` and `pageInfo`, with GitLab's peculiarities.

use super::cursor;
use super::plan::Field;
use crate::data::{Order, SortKey};

/// The largest page; more is cut down to it, and none given means this.
const MAX_PAGE: usize = 100;

/// A place in an order.
pub type Place = (SortKey, u64);

/// The part of a list that a field asks for.
pub struct Window {
    pub order: Order,
    pub after: Option<Place>,
    before: Option<Place>,
    from_the_end: bool,
    limit: usize,
}

impl Window {
    /// Reads the field's arguments; the error is GitLab's message.
    pub fn of(field: &Field, order: Order) -> Result<Self, &'static str> {
        let (first, last) = (field.number("first"), field.number("last"));
        if first.is_some() && last.is_some() {
            return Err("Can only provide either `first` or `last`, not both");
        }
        let place = |argument| match field.text(argument).filter(|text| !text.is_empty()) {
            Some(text) => cursor::decode(order, text)
                .map(Some)
                .ok_or("Please provide a valid cursor"),
            None => Ok(None),
        };
        Ok(Self {
            order,
            after: place("after")?,
            before: place("before")?,
            from_the_end: last.is_some(),
            limit: first
                .or(last)
                .map_or(MAX_PAGE, |size| size.clamp(0, MAX_PAGE as i64) as usize),
        })
    }
}

/// One page of rows.
pub struct Page<T> {
    pub nodes: Vec<T>,
    pub has_next: bool,
    pub has_previous: bool,
    pub start_cursor: Option<String>,
    pub end_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page out of rows that come in the window's order. Rows that `visible` refuses are taken out after the
    /// cut, as GitLab does: the page is then shorter than asked for, and its cursors are those of the rows left (null
    /// when none is left, even if more rows follow).
    pub fn cut(window: &Window, rows: impl Iterator<Item = (Place, T)>, visible: impl Fn(&T) -> bool) -> Self {
        let order = window.order;
        let mut rows = rows
            .skip_while(|(place, _)| {
                window
                    .after
                    .as_ref()
                    .is_some_and(|after| order.compare(place, after).is_le())
            })
            .take_while(|(place, _)| {
                window
                    .before
                    .as_ref()
                    .is_none_or(|before| order.compare(place, before).is_lt())
            });
        let (mut page, more): (Vec<_>, bool) = if window.from_the_end {
            let mut all: Vec<_> = rows.collect();
            let rest = all.len().saturating_sub(window.limit);
            (all.split_off(rest), rest > 0)
        } else {
            let page = rows.by_ref().take(window.limit).collect();
            (page, rows.next().is_some())
        };
        page.retain(|(_, row)| visible(row));
        let cursor = |end: Option<&(Place, T)>| end.map(|(place, _)| cursor::encode(order, place));
        Self {
            has_next: window.before.is_some() || (!window.from_the_end && more),
            has_previous: window.after.is_some() || (window.from_the_end && more),
            start_cursor: cursor(page.first()),
            end_cursor: cursor(page.last()),
            nodes: page.into_iter().map(|(_, row)| row).collect(),
        }
    }
}
