//! Lists of the REST API, which are synced by choice: one after the other, of each group, project or row
//! that may have a new one.
//!
//! A list that is not offered (no repository, jobs switched off, another edition) is counted and passed
//! over. One that can't be read is a warning, and is tried again in the next sync.

use futures::future::join_all;
use serde_json::{Value as Json, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::gitlab::{self, time_of};
use crate::streams::{Of, Part, Rest, Stream};
use crate::sync::error::Error;
use crate::sync::lock::lock;
use crate::sync::pass::Step;
use crate::sync::read::scope_ids::{groups_of, projects_of};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Pass, Pending, Position};

/// Lists that are planned for in one checkpoint.
const PLANNED: usize = 1000;
/// Lists that are read for one checkpoint.
const READ: usize = 16;
/// Pages of one list in one checkpoint, where its rows can be told from deleted ones without having all of it: with
/// all 16 lists that long, as many rows as other passes gather.
const PAGES: usize = 3;

/// Plans the lists of the next stream, or reads some that are planned.
pub async fn step<'a>(session: &Session<'a>, scope: &Scope, position: &Position) -> Result<Step<'a>, Error> {
    let mut pass = position.pass_from(session.instance.at);
    let mut rows = Rows::default();
    if pass.part.is_none() && pass.pending.is_empty() {
        pass.whole = position
            .whole_at
            .is_none_or(|last| session.instance.at - last >= session.options.dimensions_every);
    }
    let on: Vec<_> = session
        .streams
        .rest()
        .filter(|(stream, _)| session.on(stream.name()))
        .collect();
    if pass.pending.is_empty() {
        plan(session, scope, position, &mut pass, &on).await?;
    } else {
        read(session, scope, position, &mut pass, &on, &mut rows).await?;
    }
    Ok(Step {
        rows,
        next: position.advanced(pass, session.options.overlap),
    })
}

/// Fills `pass.pending` with lists of the stream that `pass.part` names, or of the next one. `pass.after` is
/// the last owner's id that was planned for.
async fn plan(
    session: &Session<'_>,
    scope: &Scope,
    position: &Position,
    pass: &mut Pass,
    on: &[(&Stream, Rest)],
) -> Result<(), Error> {
    let mut place = pass
        .part
        .as_ref()
        .and_then(|part| on.iter().position(|(stream, _)| stream.name() == part))
        .unwrap_or_default();
    while let Some((stream, rest)) = on.get(place) {
        let above = pass.after.take().and_then(|id| id.parse().ok()).unwrap_or(0);
        let owners = owners(session, scope, position, pass, *rest, above).await?;
        pass.part = Some(stream.name().to_owned());
        if let Some((id, ..)) = owners.last() {
            pass.after = Some(id.to_string());
            let pending = owners.into_iter().map(|(id, owner, iid)| {
                let path = rest
                    .path
                    .replace("{owner}", &owner.to_string())
                    .replace("{iid}", &iid.to_string());
                Pending {
                    path: format!("{}|{path}", stream.name()),
                    of: Some((id, owner)),
                    ..Pending::default()
                }
            });
            pass.pending.extend(pending);
            return Ok(());
        }
        place += 1;
    }
    pass.listed = true;
    Ok(())
}

/// Id, owner and number of what has such a list, by id above `above`.
async fn owners(
    session: &Session<'_>,
    scope: &Scope,
    position: &Position,
    pass: &Pass,
    rest: Rest,
    above: i64,
) -> Result<Vec<(i64, i64, i64)>, Error> {
    match rest.of {
        Of::Project => {
            let projects = projects_of(session, scope).await?;
            let active = lock(&session.active).get(&scope.to_string()).cloned();
            let wanted =
                |id: &i64| *id > above && (pass.whole || active.as_ref().is_none_or(|active| active.contains(id)));
            Ok(projects
                .into_keys()
                .filter(wanted)
                .take(PLANNED)
                .map(|id| (id, id, 0))
                .collect())
        }
        Of::Group if pass.whole => {
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
            let since = position.updated_after.map_or(0, |at| at.unix_timestamp_nanos() / 1000);
            let since = i64::try_from(since).unwrap_or_default();
            let touched = session.tables.written_since(table, since, above, PLANNED).await?;
            Ok(touched.into_iter().map(|row| (row.id, row.owner, row.iid)).collect())
        }
    }
}

/// Reads some of the planned lists: to their ends, or some pages of those of which not all rows have to be known.
async fn read<'a>(
    session: &Session<'a>,
    scope: &Scope,
    position: &Position,
    pass: &mut Pass,
    on: &[(&Stream, Rest)],
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let now: Vec<Pending> = pass.pending.drain(..pass.pending.len().min(READ)).collect();
    let known = now.iter().filter_map(|pending| {
        let (name, path) = pending.path.split_once('|')?;
        let (stream, rest) = on.iter().find(|(stream, _)| stream.name() == name)?;
        Some((pending, *stream, *rest, path.to_owned()))
    });
    let known: Vec<_> = known.collect();
    let lists = known
        .iter()
        .map(|(pending, stream, rest, path)| list(session, stream, *rest, path, pending, position));
    let mut unfinished = Vec::new();
    for ((pending, stream, rest, _), found) in known.iter().zip(join_all(lists).await) {
        let (id, owner) = pending.of.unwrap_or_default();
        match found {
            Ok((nodes, after)) => {
                for mut node in nodes {
                    node["_parent"] = json!({"id": id, "projectId": owner});
                    rows.map(stream, &node);
                }
                if after.is_some() {
                    unfinished.push(Pending {
                        after,
                        ..(*pending).clone()
                    });
                    continue;
                }
                if rest.part.is_none() {
                    rows.whole(stream, id);
                }
            }
            Err(gitlab::Error::Absent(_)) => *lock(&session.absent).entry(stream.name()).or_default() += 1,
            Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
            Err(error) => {
                session.warn(scope, &pending.path.replace('|', ": "), &error.into());
                pass.failed.push(pending.again(position.updated_after));
            }
        }
    }
    pass.pending.splice(..0, unfinished);
    Ok(())
}

/// The rows of a list from where it was left, and where it goes on. A whole list comes in one: what is gone can be
/// marked only when all that is there is known.
async fn list(
    session: &Session<'_>,
    stream: &Stream,
    rest: Rest,
    path: &str,
    pending: &Pending,
    position: &Position,
) -> Result<(Vec<Json>, Option<String>), gitlab::Error> {
    let since = pending.since.or(position.updated_after).filter(|_| !pending.all);
    let back = |days: i64| {
        let since = since.map(|at| at - Duration::days(days));
        since.into_iter().chain(session.options.start_date).max()
    };
    let mut address = format!("{path}?per_page=100");
    if !rest.query.is_empty() {
        address.push_str(&format!("&{}", rest.query));
    }
    let mut down_to = None;
    match rest.part {
        Some(Part::Since(parameter, days)) => {
            if let Some(since) = back(days).and_then(|at| at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()) {
                address.push_str(&format!("&{parameter}={since}"));
            }
        }
        Some(Part::DownTo(field, days)) => down_to = back(days).map(|at| (field, at)),
        None => {}
    }
    if let Some(left) = &pending.after {
        address.clone_from(left);
    }
    let mut nodes = Vec::new();
    let mut pages = 0;
    loop {
        let page = session.client.page(stream.name(), &address).await?;
        let Json::Array(found) = page.data else {
            return Err(gitlab::Error::Unexpected(format!("the list at {path} is not a list")));
        };
        let last = found.last().cloned();
        // The last page of some lists is empty and still names a next one.
        let empty = found.is_empty();
        nodes.extend(found);
        let far_enough = down_to.is_some_and(|(field, at)| {
            let last = last.as_ref().and_then(|node| time_of(node, field));
            last.is_some_and(|last| last < at)
        });
        match page.next.filter(|_| !empty && !far_enough) {
            Some(next) => address = next,
            None => return Ok((nodes, None)),
        }
        pages += 1;
        if rest.part.is_some() && pages == PAGES {
            return Ok((nodes, Some(address)));
        }
    }
}
