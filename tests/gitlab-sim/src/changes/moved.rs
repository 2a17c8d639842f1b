//! Which rows moved.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::data::World;
use crate::truth;

type Pair = (u64, u64);

/// Ids of rows that are new, gone or different, by raw table; pairs of ids where two make the key. A user whom a row
/// refers to for the first time is not listed.
#[derive(Debug, Default, Serialize)]
pub struct Moved {
    pub projects: BTreeSet<u64>,
    pub users: BTreeSet<u64>,
    pub merge_requests: BTreeSet<u64>,
    pub mr_notes: BTreeSet<u64>,
    pub pipelines: BTreeSet<u64>,
    pub groups: BTreeSet<u64>,
    pub labels: BTreeSet<u64>,
    pub milestones: BTreeSet<u64>,
    pub issues: BTreeSet<u64>,
    pub mr_approvals: BTreeSet<Pair>,
    pub mr_assignees: BTreeSet<Pair>,
    pub mr_labels: BTreeSet<Pair>,
    pub mr_reviewers: BTreeSet<Pair>,
}

/// Who and what a merge request is related to, as far as the token may see it.
#[derive(Debug, Default, PartialEq)]
pub struct Relations {
    approvals: BTreeSet<u64>,
    assignees: BTreeSet<u64>,
    labels: BTreeSet<u64>,
    reviewers: BTreeMap<u64, &'static str>,
}

impl Relations {
    pub fn of(world: &World, merge_request: u64) -> Self {
        let Some(row) = world.merge_requests.get(merge_request).filter(|row| !row.hidden) else {
            return Self::default();
        };
        Self {
            approvals: row.approved_by.iter().copied().collect(),
            assignees: row.assignees.iter().copied().collect(),
            labels: row.labels.iter().copied().collect(),
            reviewers: row
                .reviewers
                .iter()
                .map(|reviewer| (reviewer.user, reviewer.state))
                .collect(),
        }
    }
}

impl Moved {
    /// Lists the relations of a merge request that is new.
    pub fn opened(&mut self, world: &World, id: u64) {
        self.compare(id, &Relations::default(), &Relations::of(world, id));
    }

    /// Lists the relations of a merge request that came, went or changed.
    pub fn compare(&mut self, id: u64, before: &Relations, after: &Relations) {
        let differing = |a: &BTreeSet<u64>, b: &BTreeSet<u64>| -> Vec<Pair> {
            a.symmetric_difference(b).map(|other| (id, *other)).collect()
        };
        self.mr_approvals.extend(differing(&before.approvals, &after.approvals));
        self.mr_assignees.extend(differing(&before.assignees, &after.assignees));
        self.mr_labels.extend(differing(&before.labels, &after.labels));
        let users = before.reviewers.keys().chain(after.reviewers.keys());
        let users = users.filter(|user| before.reviewers.get(user) != after.reviewers.get(user));
        self.mr_reviewers.extend(users.map(|user| (id, *user)));
    }

    /// Lists all rows that differ.
    pub fn sweep(&mut self, before: &Snapshot, after: &Snapshot) {
        let ids = |table| differing(before, after, table).map(|(id, _)| id).collect::<Vec<u64>>();
        self.projects.extend(ids("projects"));
        self.merge_requests.extend(ids("merge_requests"));
        self.mr_notes.extend(ids("mr_notes"));
        self.pipelines.extend(ids("pipelines"));
        self.groups.extend(ids("groups"));
        self.labels.extend(ids("labels"));
        self.milestones.extend(ids("milestones"));
        self.issues.extend(ids("issues"));
        let pairs = |table| differing(before, after, table).collect::<Vec<Pair>>();
        self.mr_approvals.extend(pairs("mr_approvals"));
        self.mr_assignees.extend(pairs("mr_assignees"));
        self.mr_labels.extend(pairs("mr_labels"));
        self.mr_reviewers.extend(pairs("mr_reviewers"));
    }
}

/// All rows but users', which no sweeping change touches.
pub struct Snapshot(BTreeMap<&'static str, BTreeMap<Pair, Value>>);

impl Snapshot {
    const TABLES: [&'static str; 12] = [
        "projects",
        "merge_requests",
        "mr_notes",
        "pipelines",
        "groups",
        "labels",
        "milestones",
        "issues",
        "mr_approvals",
        "mr_assignees",
        "mr_labels",
        "mr_reviewers",
    ];

    pub fn of(world: &World) -> Self {
        let table = |name| {
            let rows = truth::rows(world, name, None).unwrap_or_default();
            (name, rows.into_iter().map(|row| (key(&row), row)).collect())
        };
        Self(Self::TABLES.map(table).into())
    }
}

fn key(row: &Value) -> Pair {
    let number = |column: &str| row[column].as_u64();
    match number("id") {
        Some(id) => (id, 0),
        None => (
            number("merge_request_id").unwrap_or_default(),
            number("user_id").or(number("label_id")).unwrap_or_default(),
        ),
    }
}

fn differing<'a>(before: &'a Snapshot, after: &'a Snapshot, table: &str) -> impl Iterator<Item = Pair> + 'a {
    let (before, after) = (&before.0[table], &after.0[table]);
    let keys: BTreeSet<Pair> = before.keys().chain(after.keys()).copied().collect();
    keys.into_iter().filter(|key| before.get(key) != after.get(key))
}
