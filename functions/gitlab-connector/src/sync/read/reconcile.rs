//! The look at what is gone, and at what was missed, on a schedule of its own.
//!
//! GitLab leaves no trace of a deleted row. So the ids of each list are read whole, a stretch at a time,
//! and compared with what the raw table has of that stretch: what GitLab no longer shows is marked as
//! deleted, what the table lacks (because the token may see it only now) is read. With the ids come the
//! time of update and the few things that change without a new one: address, number of comments, labels,
//! milestone, head pipeline. A row in which they differ is read too. Each stretch is a checkpoint.

mod children;
mod compare;
mod lists;
mod pipelines;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use mergemind_shared::warehouse::{SoftDelete, Within};

use crate::gitlab::{self, Connection, Owner, Purpose};
use crate::streams::{self, Node};
use crate::sync::error::Error;
use crate::sync::gaps;
use crate::sync::list::{ISSUES, MERGE_REQUESTS};
use crate::sync::lock::lock;
use crate::sync::read::reconcile::sweep::Comparison;
use crate::sync::read::scope_ids::projects_of;
use crate::sync::read::users;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{IdsProgress, PendingIds, ReconcilePart, ReconcileState};

/// Does the next part.
///
/// # Errors
/// If GitLab or the warehouse still fails after retries; nothing of the step is committed then.
pub async fn step<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &ReconcileState,
) -> Result<(Rows<'a>, ReconcileState), Error> {
    let mut progress = state.begin(session.instance.at);
    let mut rows = Rows::default();
    let projects = projects_of(session, scope).await?;
    let mut pass = Comparison {
        session,
        scope,
        projects: &projects,
        before: &state.held,
        sweep: std::mem::take(&mut progress.sweep),
        held: std::mem::take(&mut progress.held),
    };
    let next = match std::mem::replace(&mut progress.part, ReconcilePart::Projects) {
        ReconcilePart::Projects => {
            if !session.is_comparing() {
                refresh_users(session, &mut rows).await?;
            }
            let gone = reconcile_projects(session, scope, &projects, &mut rows).await?;
            pass.settle_projects(&gone, &mut rows);
            Some(ReconcilePart::MergeRequests(IdsProgress::default()))
        }
        ReconcilePart::MergeRequests(mut ids) => {
            let done = pass.compare_list(&MERGE_REQUESTS, &mut ids, &mut rows).await?;
            Some(match done {
                true => ReconcilePart::Issues(IdsProgress::default()),
                false => ReconcilePart::MergeRequests(ids),
            })
        }
        ReconcilePart::Issues(mut ids) => {
            let done = pass.compare_list(&ISSUES, &mut ids, &mut rows).await?;
            Some(match done {
                true => ReconcilePart::Pipelines(projects.iter().map(|(id, path)| PendingIds::of(*id, path)).collect()),
                false => ReconcilePart::Issues(ids),
            })
        }
        ReconcilePart::Pipelines(pending) if !pending.is_empty() && session.on(streams::pipelines::NAME) => {
            let left = pass.compare_pipelines(pending, &mut rows).await?;
            Some(ReconcilePart::Pipelines(left))
        }
        ReconcilePart::Pipelines(_) => {
            children::mark(session, &mut rows);
            let began = progress.started_at.unix_timestamp_nanos() / 1000;
            gaps::close_unmet(session, i64::try_from(began).unwrap_or_default()).await?;
            lock(&session.news).compared.extend(projects.keys());
            None
        }
    };
    (progress.sweep, progress.held) = (pass.sweep, pass.held);
    Ok((rows, state.advanced(progress, next)))
}

/// Users are read when rows refer to them, so those of old rows would never change.
async fn refresh_users<'a>(session: &Session<'a>, rows: &mut Rows<'a>) -> Result<(), Error> {
    let all = SoftDelete {
        table: &session.streams.named(streams::users::NAME).table,
        within: Vec::new(),
        present: Vec::new(),
    };
    let ids = session.tables.missing_from(&all).await?;
    Ok(users::add_these(session, ids, rows).await?)
}

/// The projects of the group that GitLab no longer shows anywhere, with their full paths. One that has only moved gets its row, which tells
/// where.
///
/// # Errors
/// If GitLab or the warehouse still fails after retries.
pub async fn reconcile_projects<'a>(
    session: &Session<'a>,
    scope: &Scope,
    projects: &BTreeMap<i64, String>,
    rows: &mut Rows<'a>,
) -> Result<BTreeMap<i64, String>, Error> {
    let Scope::Group(path) = scope else {
        return Ok(BTreeMap::new());
    };
    let stream = session.streams.named(streams::projects::NAME);
    let soft_delete = SoftDelete {
        table: &stream.table,
        within: vec![Within::Below("full_path", path.clone())],
        present: projects.keys().copied().collect(),
    };
    let mut gone = session.tables.missing_from(&soft_delete).await?;
    let list = Connection::new(Owner::GitLab, streams::projects::LIST)
        .ids("Project", gone.iter().copied())
        .nodes(session.fields(stream));
    let page = gitlab::fetch_one(
        session.client,
        &Purpose::new(streams::projects::NAME, "ProjectsByIds"),
        list,
    )
    .await?;
    session.warn_left_out(scope, &page.left_out);
    for node in &page.nodes {
        rows.map(stream, node);
    }
    // What GitLab fails at is not gone.
    let left_out = page.left_out.iter().map(|left_out| &left_out.row);
    let moved: BTreeSet<i64> = page
        .nodes
        .iter()
        .chain(left_out)
        .filter_map(|node| Node::new(node).number("id"))
        .collect();
    gone.retain(|id| !moved.contains(id));
    // What projects are compared by is their path.
    Ok(session.tables.fingerprints(stream, &gone).await?.into_iter().collect())
}
