//! Selecting merge requests in an order, from a place in that order on.
//!
//! The orders by creation and by update walk indices, so a page costs its own length however many rows there are;
//! the rare orders sort what matches.

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::Bound::{self, Excluded, Included};

use super::order::{Column, Order, SortKey};
use super::{MergeRequest, Project, State, World};
use crate::instant::Instant;

type Key = (Instant, u64);
/// Rows of the world (`'w`), chosen by a filter that lives shorter (`'f`).
type Rows<'w, 'f> = Box<dyn Iterator<Item = &'w MergeRequest> + 'f>;
type Keys<'a> = Box<dyn Iterator<Item = Key> + 'a>;

/// What a merge request must be like. Both ends of a span are included, as GitLab documents.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub iids: Option<Vec<u32>>,
    pub state: Option<State>,
    pub updated: Span,
    pub created: Span,
    pub merged: Span,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub after: Option<Instant>,
    pub before: Option<Instant>,
}

impl Span {
    pub fn holds(self, at: Option<Instant>) -> bool {
        match at {
            Some(at) => self.after.is_none_or(|after| at >= after) && self.before.is_none_or(|before| at <= before),
            None => self.after.is_none() && self.before.is_none(),
        }
    }
}

impl Filter {
    fn holds(&self, row: &MergeRequest) -> bool {
        self.iids.as_ref().is_none_or(|iids| iids.contains(&row.iid))
            && self.state.is_none_or(|state| row.state == state)
            && self.updated.holds(Some(row.updated_at))
            && self.created.holds(Some(row.created_at))
            && self.merged.holds(row.merged_at)
    }
}

/// The merge requests of `projects` that match, in order, strictly after `from`. Hidden ones are among them: GitLab
/// cuts the page first and takes them out afterwards.
pub fn merge_requests<'w: 'f, 'f>(
    world: &'w World,
    projects: &[&'w Project],
    filter: &'f Filter,
    order: Order,
    from: Option<(SortKey, u64)>,
) -> Rows<'w, 'f> {
    let row = |id: u64| world.merge_requests.get(id);
    let projects = projects.iter().copied();
    if let Some(iids) = &filter.iids {
        let found = projects.flat_map(|project| iids.iter().filter_map(|iid| project.by_iid.get(iid)));
        return sorted(found.filter_map(|id| row(*id)), filter, order, from);
    }
    let (index, span): (fn(&Project) -> &BTreeSet<Key>, Span) = match order.column {
        Column::Created => (|project| &project.by_created, filter.created),
        Column::Updated => (|project| &project.by_updated, filter.updated),
        _ => {
            let all = projects.flat_map(|project| &project.by_created);
            return sorted(all.filter_map(|(_, id)| row(*id)), filter, order, from);
        }
    };
    let mut low = Included((span.after.unwrap_or(Instant::MIN), 0));
    let mut high = Included((span.before.unwrap_or(Instant::MAX), u64::MAX));
    if let Some((SortKey::Time(Some(at)), id)) = from {
        // The place may lie outside the span: keep the narrower end.
        if order.descending && (at, id) <= end(high) {
            high = Excluded((at, id));
        } else if !order.descending && (at, id) >= end(low) {
            low = Excluded((at, id));
        }
    }
    if end(low) >= end(high) {
        return Box::new(std::iter::empty());
    }
    let parts = projects.map(|project| -> Keys<'w> {
        let keys = index(project).range((low, high)).copied();
        if order.descending {
            Box::new(keys.rev())
        } else {
            Box::new(keys)
        }
    });
    let ids = Merge::new(parts.collect(), order.descending);
    Box::new(
        ids.filter_map(move |(_, id)| world.merge_requests.get(id))
            .filter(|row| filter.holds(row)),
    )
}

fn end(bound: Bound<Key>) -> Key {
    match bound {
        Included(key) | Excluded(key) => key,
        Bound::Unbounded => (Instant::MAX, u64::MAX),
    }
}

fn sorted<'w: 'f, 'f>(
    rows: impl Iterator<Item = &'w MergeRequest>,
    filter: &Filter,
    order: Order,
    from: Option<(SortKey, u64)>,
) -> Rows<'w, 'f> {
    let mut keyed: Vec<_> = rows
        .filter(|row| filter.holds(row))
        .map(|row| (order.key(row), row))
        .filter(|(key, _)| from.as_ref().is_none_or(|from| order.compare(key, from).is_gt()))
        .collect();
    keyed.sort_by(|a, b| order.compare(&a.0, &b.0));
    keyed.dedup_by_key(|(_, row)| row.id);
    Box::new(keyed.into_iter().map(|(_, row)| row))
}

/// Several ordered runs read as one ordered run.
struct Merge<'a> {
    parts: Vec<Keys<'a>>,
    /// The next key of each part. Ascending runs are held negated, because this heap yields the greatest first.
    heads: BinaryHeap<((i64, i64), usize)>,
    sign: i64,
}

impl<'a> Merge<'a> {
    fn new(parts: Vec<Keys<'a>>, descending: bool) -> Self {
        let mut merge = Self {
            heads: BinaryHeap::new(),
            sign: if descending { 1 } else { -1 },
            parts,
        };
        for part in 0..merge.parts.len() {
            merge.advance(part);
        }
        merge
    }

    fn advance(&mut self, part: usize) {
        if let Some((at, id)) = self.parts[part].next() {
            self.heads.push(((self.sign * at, self.sign * id as i64), part));
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let ((at, id), part) = self.heads.pop()?;
        self.advance(part);
        Some((self.sign * at, (self.sign * id) as u64))
    }
}
