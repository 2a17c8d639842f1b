//! Cursors as version 0.1 wrote them: one type for all passes. Read for one release, and then removed.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;

use crate::streams::{issues, merge_requests, projects};
use crate::sync::pass::Pass;
use crate::sync::state::{
    After, Backfill, ChangesProgress, ChangesState, IdsProgress, KnownPage, PassState, PendingIds, PendingList,
    PendingPipelines, ProjectsProgress, ProjectsState, ReconcilePart, ReconcileProgress, ReconcileState, RestProgress,
    RestState, RetryProject, Slice, SnapshotState, Sweep,
};

#[derive(Deserialize)]
struct OldState {
    #[serde(with = "time::serde::rfc3339::option", default)]
    updated_after: Option<OffsetDateTime>,
    #[serde(default)]
    pages: Vec<OldPage>,
    #[serde(default)]
    later: Vec<OldList>,
    #[serde(default)]
    backfill_later: Vec<Backfill>,
    #[serde(default)]
    members: Vec<i64>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    whole_at: Option<OffsetDateTime>,
    #[serde(default)]
    pass: Option<OldProgress>,
}

#[derive(Deserialize)]
struct OldProgress {
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    lanes: Vec<Slice>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    read_until: Option<OffsetDateTime>,
    #[serde(default)]
    listed: bool,
    #[serde(default)]
    pending: Vec<OldList>,
    #[serde(default)]
    failed: Vec<OldList>,
    #[serde(default)]
    pages: Vec<OldPage>,
    #[serde(default)]
    backfill: Vec<Backfill>,
    #[serde(default)]
    backfill_failed: Vec<Backfill>,
    #[serde(default)]
    members: Vec<i64>,
    #[serde(default)]
    whole: bool,
    #[serde(default)]
    part: Option<String>,
}

#[derive(Deserialize)]
struct OldPage {
    after: Option<String>,
    hash: u32,
}

/// A project's list, or a list of the REST API: then `path` is its stream, a bar and its address.
#[derive(Deserialize)]
struct OldList {
    path: String,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    of: Option<(i64, i64)>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    since: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    until: Option<OffsetDateTime>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    below: Option<i64>,
}

/// The state of a pass from a cursor of version 0.1; `None` if it is none.
pub fn read(pass: Pass, cursor: &str) -> Option<PassState> {
    let old: OldState = serde_json::from_str(cursor).ok()?;
    Some(match pass {
        Pass::Projects => PassState::Projects(projects(old)),
        Pass::MergeRequests => PassState::MergeRequests(changes(old)),
        Pass::Issues => PassState::Issues(changes(old)),
        Pass::Dimensions => PassState::Dimensions(SnapshotState {
            complete_until: old.updated_after,
        }),
        Pass::OpenMergeRequests => PassState::OpenMergeRequests(changes(old)),
        Pass::Reconcile => PassState::Reconcile(reconcile(old)),
        Pass::RestStreams => PassState::RestStreams(rest(old)),
    })
}

fn projects(old: OldState) -> ProjectsState {
    let pipelines = |lists: Vec<OldList>| lists.into_iter().map(pipelines_of).collect();
    let pages = |pages: Vec<OldPage>| {
        let page = |page: OldPage| KnownPage {
            after: page.after.map(after),
            hash: page.hash,
        };
        pages.into_iter().map(page).collect()
    };
    ProjectsState {
        complete_until: old.updated_after,
        pages: pages(old.pages),
        members: old.members,
        retry_next_sync: pipelines(old.later),
        backfill_next_sync: old.backfill_later,
        progress: old.pass.map(|progress| ProjectsProgress {
            started_at: progress.started_at,
            after: progress.after.map(after),
            listed: progress.listed,
            pages: pages(progress.pages),
            members: progress.members,
            pending: pipelines(progress.pending),
            failed: pipelines(progress.failed),
            backfill: progress.backfill,
            backfill_failed: progress.backfill_failed,
        }),
    }
}

/// GitLab's cursors are base64 of JSON, and never only digits.
fn after(text: String) -> After {
    text.parse().map_or(After::Cursor(text), After::Project)
}

fn pipelines_of(list: OldList) -> PendingPipelines {
    PendingPipelines {
        path: list.path,
        after: list.after,
        since: list.since,
        until: list.until,
        all: list.all,
    }
}

fn changes(old: OldState) -> ChangesState {
    let retry = |lists: Vec<OldList>| {
        let project = |list: OldList| {
            let (project, _) = list.of?;
            Some(RetryProject {
                project,
                since: list.since,
            })
        };
        lists.into_iter().filter_map(project).collect()
    };
    ChangesState {
        complete_until: old.updated_after,
        retry_next_sync: retry(old.later),
        progress: old.pass.map(|progress| ChangesProgress {
            started_at: progress.started_at,
            slices: progress.lanes,
            last_project: number(progress.after),
            listed: progress.listed,
            retry: retry(progress.pending),
            failed: retry(progress.failed),
        }),
    }
}

fn reconcile(old: OldState) -> ReconcileState {
    let progress = old.pass.map(|progress| {
        let ids = IdsProgress {
            last_project: number(progress.after),
            compared_until: progress.read_until,
            long: Vec::new(),
        };
        let pending = progress.pending.into_iter().map(|list| PendingIds {
            path: list.path,
            after: list.after,
            below: list.below,
            ..PendingIds::default()
        });
        ReconcileProgress {
            started_at: progress.started_at,
            sweep: Sweep::default(),
            held: BTreeMap::new(),
            part: match progress.part.as_deref() {
                None | Some(projects::NAME) => ReconcilePart::Projects,
                Some(merge_requests::NAME) => ReconcilePart::MergeRequests(ids),
                Some(issues::NAME) => ReconcilePart::Issues(ids),
                Some(_) => ReconcilePart::Pipelines(pending.collect()),
            },
        }
    });
    ReconcileState {
        complete_until: old.updated_after,
        progress,
        held: BTreeMap::new(),
    }
}

fn rest(old: OldState) -> RestState {
    let lists = |lists: Vec<OldList>| lists.into_iter().filter_map(rest_list).collect();
    RestState {
        complete_until: old.updated_after,
        all_owners_at: old.whole_at,
        marks: BTreeMap::new(),
        members: Vec::new(),
        retry_next_sync: lists(old.later),
        progress: old.pass.map(|progress| RestProgress {
            started_at: progress.started_at,
            all_owners: progress.whole,
            stream: progress.part,
            last_owner: number(progress.after),
            marks: BTreeMap::new(),
            members: None,
            planned: progress.listed,
            pending: lists(progress.pending),
            failed: lists(progress.failed),
        }),
    }
}

fn rest_list(list: OldList) -> Option<PendingList> {
    let (stream, path) = list.path.split_once('|')?;
    let (parent, owner) = list.of?;
    Some(PendingList {
        stream: stream.to_owned(),
        path: path.to_owned(),
        parent,
        owner,
        next: list.after,
        since: list.since,
        all: list.all,
        failing: None,
    })
}

fn number(text: Option<String>) -> Option<i64> {
    text?.parse().ok()
}
