//! Lists of the REST API, which are synced by choice: one after the other, of each group, project or row
//! that may have a new one.
//!
//! A list that is not offered (no repository, jobs switched off, another edition) is counted and passed
//! over. One that can't be read is a warning, and is tried again in the next sync.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::json;

use crate::gitlab;
use crate::ledger::GapReason;
use crate::streams::{Of, Read, Rest, Stream};
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::raw_tables::WrittenSince;
use crate::sync::read::rest_list::{self, RestFound};
use crate::sync::read::scope_ids::{groups_of, projects_of};
use crate::sync::read::shown::ShownRows;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{PendingList, RestProgress, RestState};
use crate::sync::{bookkeeping, gaps};

/// Lists that are planned for in one checkpoint.
const PLANNED: usize = 1000;
/// Lists that are read for one checkpoint.
const READ: usize = 16;

/// Plans the lists of the next stream, or reads some that are planned.
///
/// # Errors
/// If GitLab fails at more than one list; nothing of the step is committed then.
pub async fn step<'a>(session: &Session<'a>, scope: &Scope, state: &RestState) -> Result<(Rows<'a>, RestState), Error> {
    let mut progress = state.begin(session.instance.at);
    let mut rows = Rows::default();
    if progress.stream.is_none() && progress.pending.is_empty() {
        progress.all_owners = session.is_comparing()
            || state
                .all_owners_at
                .is_none_or(|last| session.instance.at - last >= session.options.dimensions_every);
    }
    let on: Vec<_> = session
        .streams
        .rest()
        .filter(|(stream, _)| session.on(stream.name()))
        .collect();
    if progress.pending.is_empty() {
        plan(session, scope, state, &mut progress, &on).await?;
    } else {
        read(session, scope, state, &mut progress, &on, &mut rows).await?;
    }
    Ok((rows, state.advanced(progress, session.options.overlap)))
}

/// Fills `progress.pending` with lists of the stream that is planned, or of the next one. `progress.last_owner` is
/// the last owner's id that was planned for.
async fn plan(
    session: &Session<'_>,
    scope: &Scope,
    state: &RestState,
    progress: &mut RestProgress,
    on: &[(&Stream, Rest)],
) -> Result<(), Error> {
    let mut place = progress
        .stream
        .as_ref()
        .and_then(|name| on.iter().position(|(stream, _)| stream.name() == name))
        .unwrap_or_default();
    while let Some((stream, rest)) = on.get(place) {
        let above = progress.last_owner.take().unwrap_or(0);
        let owners = owners(session, scope, state, progress, (stream.name(), *rest), above).await?;
        progress.stream = Some(stream.name().to_owned());
        if let Some((id, ..)) = owners.last() {
            progress.last_owner = Some(*id);
            let pending = owners.into_iter().map(|(id, owner, iid)| {
                let path = rest
                    .path
                    .replace("{owner}", &owner.to_string())
                    .replace("{iid}", &iid.to_string())
                    .replace("{id}", &id.to_string());
                PendingList {
                    stream: stream.name().to_owned(),
                    path,
                    parent: id,
                    owner,
                    next: None,
                    since: None,
                    all: false,
                    failing: None,
                }
            });
            // What has failed in this pass is tried again in later ones.
            let failed: HashSet<String> = progress.failed.iter().map(ToString::to_string).collect();
            let pending = pending.filter(|list| !failed.contains(&list.to_string()));
            progress.pending.extend(pending);
            return Ok(());
        }
        place += 1;
    }
    progress.planned = true;
    Ok(())
}

/// Id, owner and number of what has such a list, by id above `above`.
async fn owners(
    session: &Session<'_>,
    scope: &Scope,
    state: &RestState,
    progress: &mut RestProgress,
    (name, rest): (&str, Rest),
    above: i64,
) -> Result<Vec<(i64, i64, i64)>, Error> {
    match rest.of {
        Of::Project => {
            let projects = projects_of(session, scope).await?;
            let active = lock(&session.active).get(&scope.to_string()).cloned();
            let wanted = |id: &i64| {
                *id > above && (progress.all_owners || active.as_ref().is_none_or(|active| active.contains(id)))
            };
            Ok(projects
                .into_keys()
                .filter(wanted)
                .take(PLANNED)
                .map(|id| (id, id, 0))
                .collect())
        }
        Of::Group if progress.all_owners => {
            let ids = groups_of(session, scope).await?;
            Ok(ids
                .into_iter()
                .filter(|id| *id > above)
                .take(PLANNED)
                .map(|id| (id, id, 0))
                .collect())
        }
        Of::Group => Ok(Vec::new()),
        Of::Row(table) => {
            rows_written(
                session,
                scope,
                state,
                progress,
                (name, session.streams.named(table)),
                above,
            )
            .await
        }
    }
}

/// Rows that were written since the lists of this stream were planned last. The mark that later passes go by is the one
/// at which the planning of it begins.
async fn rows_written(
    session: &Session<'_>,
    scope: &Scope,
    state: &RestState,
    progress: &mut RestProgress,
    (name, stream): (&str, &Stream),
    above: i64,
) -> Result<Vec<(i64, i64, i64)>, Error> {
    let is_of_groups = matches!(&stream.read, Read::Rest(rest) if matches!(rest.of, Of::Group));
    let (owners, whole) = match is_of_groups {
        // Those are written only when all groups are read, or a list of one that had failed.
        true if !progress.all_owners && state.retry_next_sync.is_empty() => return Ok(Vec::new()),
        true => (groups_of(session, scope).await?, Vec::new()),
        false => {
            let owners: Vec<i64> = projects_of(session, scope).await?.into_keys().collect();
            let is_new = |id: &i64| !state.members.is_empty() && !state.members.contains(id);
            let whole = owners.iter().copied().filter(is_new).collect();
            (owners, whole)
        }
    };
    let since = WrittenSince {
        mark: state.mark_of(name),
        owners: &owners,
        whole: &whole,
        above,
        most: PLANNED,
    };
    let written = session.tables.written(stream, since).await?;
    if !progress.marks.contains_key(name) {
        let mark = written.newest.unwrap_or_default().max(since.mark);
        progress.marks.insert(name.to_owned(), mark);
        if stream.owner_column() == "project_id" {
            let known = progress.members.get_or_insert_with(|| owners.clone());
            known.retain(|id| owners.binary_search(id).is_ok());
        }
    }
    Ok(written
        .rows
        .into_iter()
        .map(|row| (row.id, row.owner, row.iid))
        .collect())
}

/// Reads some of the planned lists: to their ends, or some pages of those of which not all rows have to be known.
async fn read<'a>(
    session: &Session<'a>,
    scope: &Scope,
    state: &RestState,
    progress: &mut RestProgress,
    on: &[(&Stream, Rest)],
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let now: Vec<PendingList> = progress.pending.drain(..progress.pending.len().min(READ)).collect();
    let is_due = |pending: &PendingList| {
        let failing = pending.failing;
        failing.is_none_or(|(since, failed_at)| session.is_due(since, failed_at))
    };
    let (now, waiting): (Vec<_>, Vec<_>) = now.into_iter().partition(is_due);
    for pending in waiting {
        let error = gitlab::Error::Unread("it keeps failing, and is tried again more and more rarely".into());
        session.warn(scope, &pending.to_string(), &error.into());
        progress.failed.push(pending);
    }
    let known = now.iter().filter_map(|pending| {
        let (stream, rest) = on.iter().find(|(stream, _)| stream.name() == pending.stream)?;
        Some((pending, *stream, *rest))
    });
    let known: Vec<_> = known.collect();
    let lists = known
        .iter()
        .map(|(pending, stream, rest)| rest_list::read(session, stream, *rest, pending, state));
    let mut unfinished = Vec::new();
    for ((pending, stream, rest), found) in known.iter().zip(join_all(lists).await) {
        let (id, owner) = (pending.parent, pending.owner);
        match found {
            Ok(RestFound {
                nodes,
                next,
                too_large,
                given_up,
            }) => {
                for address in &too_large {
                    let error = gitlab::Error::LeftOut("it is larger than 32 MiB".into()).into();
                    session.warn(scope, &format!("{}: {address}", pending.stream), &error);
                }
                let mut shown = ShownRows::default();
                for mut node in nodes {
                    node["_parent"] = json!({"id": id, "projectId": owner});
                    shown.add(stream, &node);
                    rows.map(stream, &node);
                }
                if next.is_some() {
                    unfinished.push(PendingList {
                        next,
                        ..(*pending).clone()
                    });
                    continue;
                }
                if let Some(error) = given_up {
                    unread(session, scope, state, pending, error, progress);
                    continue;
                }
                gaps::close_list(session, &pending.to_string());
                if rest.part.is_none() && too_large.is_empty() {
                    rows.complete(stream, id);
                    if rest.of == Of::Project && stream.owner_column() == "project_id" {
                        shown.compare(session, stream, id).await?;
                        bookkeeping::enter_whole(session, stream, id, shown.counted());
                    }
                }
            }
            Err(gitlab::Error::Absent(_)) => *lock(&session.absent).entry(stream.name()).or_default() += 1,
            Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
            Err(error) => unread(session, scope, state, pending, error, progress),
        }
    }
    progress.pending.splice(..0, unfinished);
    Ok(())
}

/// A list could not be read: it is named, and tried again in later syncs.
fn unread(
    session: &Session<'_>,
    scope: &Scope,
    state: &RestState,
    pending: &PendingList,
    error: gitlab::Error,
    progress: &mut RestProgress,
) {
    session.gap(GapReason::Unread, pending.to_string(), error.to_string(), 0);
    session.warn(scope, &pending.to_string(), &error.into());
    progress.failed.push(pending.again(state.complete_until, session.now()));
}
