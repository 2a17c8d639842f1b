//! Which rows moved.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::data::{MergeRequest, World, issue_url, merge_request_url, note_url};
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
    pub fn of(merge_request: Option<&MergeRequest>) -> Self {
        let Some(row) = merge_request.filter(|row| !row.hidden) else {
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

/// What a sweeping change can alter of each row: whether it is there, its address, and what it carries. Writing out the
/// texts of all rows would take seconds.
pub struct Snapshot(BTreeMap<&'static str, BTreeMap<Pair, String>>);

impl Snapshot {
    /// Tables whose rows are few or short enough to be compared whole.
    const WHOLE: [&'static str; 8] = [
        "projects",
        "groups",
        "labels",
        "milestones",
        "mr_approvals",
        "mr_assignees",
        "mr_labels",
        "mr_reviewers",
    ];

    pub fn of(world: &World) -> Self {
        let mut tables = BTreeMap::new();
        for name in Self::WHOLE {
            let rows = truth::rows(world, name, None).unwrap_or_default();
            tables.insert(name, rows.iter().map(|row| (key(row), row.to_string())).collect());
        }
        let carried = |labels: &[u64], milestone: Option<u64>| {
            let labels = labels.iter().filter_map(|id| world.labels.get(*id));
            let titles: Vec<&str> = labels.map(|label| label.title.as_str()).collect();
            format!("{titles:?} {milestone:?}")
        };
        let visible = || world.merge_requests.iter().filter(|row| !row.hidden);
        let merge_requests = visible().map(|row| {
            let carried = carried(&row.labels, row.milestone);
            ((row.id, 0), format!("{} {carried}", merge_request_url(world, row)))
        });
        let notes = visible().flat_map(|row| &row.notes);
        let notes = notes.filter_map(|id| Some(((*id, 0), note_url(world, world.notes.get(*id)?)?)));
        let issues = world.issues.iter().map(|row| {
            let carried = carried(&row.labels, row.milestone);
            ((row.id, 0), format!("{} {carried}", issue_url(world, row)))
        });
        let pipelines = world.pipelines.iter().map(|row| ((row.id, 0), String::new()));
        tables.insert("merge_requests", merge_requests.collect());
        tables.insert("mr_notes", notes.collect());
        tables.insert("issues", issues.collect());
        tables.insert("pipelines", pipelines.collect());
        Self(tables)
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
