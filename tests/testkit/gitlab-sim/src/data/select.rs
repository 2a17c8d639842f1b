//! Selecting merge requests or issues in an order, from a place in that order on.
//!
//! The orders by creation and by update walk indices, so a page costs its own length however many rows there are;
//! the rare orders sort what matches.

use std::collections::{BTreeSet, BinaryHeap};
use std::ops::Bound::{self, Excluded, Included};

use super::order::{Column, Order, SortKey};
use super::{Issue, MergeRequest, Project, State, Table, World};
use crate::instant::Instant;

type Key = (Instant, u64);
/// Rows of the world (`'w`), chosen by a filter that lives shorter (`'f`).
type Rows<'w, 'f, T> = Box<dyn Iterator<Item = &'w T> + 'f>;
type Keys<'a> = Box<dyn Iterator<Item = Key> + 'a>;

/// What a row must be like. Both ends of a span are included, as GitLab documents.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub iids: Option<Vec<u32>>,
    pub state: Option<State>,
    pub updated: Span,
    pub created: Span,
    pub merged: Span,
    pub source_branches: Option<Vec<String>>,
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

/// What is kept in projects and listed in orders.
pub trait Listed {
    fn table(world: &World) -> &Table<Self>
    where
        Self: Sized;
    fn id_of(project: &Project, iid: u32) -> Option<u64>;
    fn by_updated(project: &Project) -> &BTreeSet<Key>;
    fn by_created(project: &Project) -> &BTreeSet<Key>;
    fn id(&self) -> u64;
    fn matches(&self, filter: &Filter) -> bool;
    /// The value of the column that an order goes by.
    fn column(&self, column: Column) -> SortKey;
}

impl Listed for MergeRequest {
    fn table(world: &World) -> &Table<Self> {
        &world.merge_requests
    }

    fn id_of(project: &Project, iid: u32) -> Option<u64> {
        project.by_iid.get(&iid).copied()
    }

    fn by_updated(project: &Project) -> &BTreeSet<Key> {
        &project.by_updated
    }

    fn by_created(project: &Project) -> &BTreeSet<Key> {
        &project.by_created
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn matches(&self, filter: &Filter) -> bool {
        filter.iids.as_ref().is_none_or(|iids| iids.contains(&self.iid))
            && filter.state.is_none_or(|state| self.state == state)
            && filter.updated.holds(Some(self.updated_at))
            && filter.created.holds(Some(self.created_at))
            && filter.merged.holds(self.merged_at)
            && filter
                .source_branches
                .as_ref()
                .is_none_or(|branches| branches.iter().any(|branch| **branch == *self.source_branch))
    }

    fn column(&self, column: Column) -> SortKey {
        match column {
            Column::Created => SortKey::Time(Some(self.created_at)),
            Column::Updated => SortKey::Time(Some(self.updated_at)),
            Column::Merged => SortKey::Time(self.merged_at),
            Column::Closed => SortKey::Time(self.closed_at),
            Column::Title => SortKey::Text(self.title.read().to_lowercase()),
            Column::Due | Column::Id => SortKey::Time(None),
        }
    }
}

impl Listed for Issue {
    fn table(world: &World) -> &Table<Self> {
        &world.issues
    }

    fn id_of(project: &Project, iid: u32) -> Option<u64> {
        project.issues.by_iid.get(&iid).copied()
    }

    fn by_updated(project: &Project) -> &BTreeSet<Key> {
        &project.issues.by_updated
    }

    fn by_created(project: &Project) -> &BTreeSet<Key> {
        &project.issues.by_created
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn matches(&self, filter: &Filter) -> bool {
        filter.iids.as_ref().is_none_or(|iids| iids.contains(&self.iid))
            && filter.state.is_none_or(|state| self.state() == state.name())
            && filter.updated.holds(Some(self.updated_at))
            && filter.created.holds(Some(self.created_at))
    }

    fn column(&self, column: Column) -> SortKey {
        match column {
            Column::Created => SortKey::Time(Some(self.created_at)),
            Column::Updated => SortKey::Time(Some(self.updated_at)),
            Column::Closed => SortKey::Time(self.closed_at),
            Column::Due => SortKey::Time(self.due_date),
            Column::Title => SortKey::Text(self.title.read().to_lowercase()),
            Column::Merged | Column::Id => SortKey::Time(None),
        }
    }
}

/// The rows of `projects` that match, in order, strictly after `from`. Hidden ones are among them: GitLab cuts the page
/// first and takes them out afterwards.
pub fn select<'w: 'f, 'f, T: Listed>(
    world: &'w World,
    projects: &[&'w Project],
    filter: &'f Filter,
    order: Order,
    from: Option<(SortKey, u64)>,
) -> Rows<'w, 'f, T> {
    let row = |id: u64| T::table(world).get(id);
    let projects = projects.iter().copied();
    if let Some(iids) = &filter.iids {
        let found = projects.flat_map(|project| iids.iter().filter_map(|iid| T::id_of(project, *iid)));
        return sorted(found.filter_map(row), filter, order, from);
    }
    let (index, span): (fn(&Project) -> &BTreeSet<Key>, Span) = match order.column {
        Column::Created => (T::by_created, filter.created),
        Column::Updated => (T::by_updated, filter.updated),
        _ => {
            let all = projects.flat_map(T::by_created);
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
        ids.filter_map(move |(_, id)| T::table(world).get(id))
            .filter(|row| row.matches(filter)),
    )
}

fn end(bound: Bound<Key>) -> Key {
    match bound {
        Included(key) | Excluded(key) => key,
        Bound::Unbounded => (Instant::MAX, u64::MAX),
    }
}

fn sorted<'w: 'f, 'f, T: Listed>(
    rows: impl Iterator<Item = &'w T>,
    filter: &Filter,
    order: Order,
    from: Option<(SortKey, u64)>,
) -> Rows<'w, 'f, T> {
    let mut keyed: Vec<_> = rows
        .filter(|row| row.matches(filter))
        .map(|row| (order.key(row), row))
        .filter(|(key, _)| from.as_ref().is_none_or(|from| order.compare(key, from).is_gt()))
        .collect();
    keyed.sort_by(|a, b| order.compare(&a.0, &b.0));
    keyed.dedup_by_key(|(_, row)| row.id());
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
