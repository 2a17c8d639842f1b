//! Compares pipelines: those that are gone are marked, and a project in which one differs is read again.

use std::collections::BTreeSet;

use mergemind_shared::warehouse::{SoftDelete, Within};
use serde_json::Value as Json;

use crate::gitlab::{self, Connection, Owner, Purpose, Selection, time_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::read::pipelines::add_all_of;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::{IDS, Session};
use crate::sync::state::PendingIds;

/// Projects that are compared at once.
const PROJECTS: usize = 48;

/// Compares some pages of pipelines, and returns what is left: GitLab lists them by descending id.
pub async fn compare<'a>(
    session: &Session<'a>,
    scope: &Scope,
    mut pending: Vec<PendingIds>,
    rows: &mut Rows<'a>,
) -> Result<Vec<PendingIds>, Error> {
    let stream = session.streams.named("pipelines");
    let ask = stream.fingerprint.map_or("", |fingerprint| fingerprint.ask);
    let compared = Selection::parse(&format!("id updatedAt {ask}"));
    let of_project = |list: &PendingIds| {
        Connection::new(Owner::ProjectAt(list.path.clone()), "pipelines")
            .first(session.page(IDS))
            .after(list.after.clone())
            .nodes(compared.clone())
    };
    let now: Vec<PendingIds> = pending.drain(..pending.len().min(PROJECTS)).collect();
    let lists = now.iter().map(of_project).collect();
    let pages = gitlab::fetch(session.client, &Purpose::new("pipelines", "IdsOfPipelines"), lists).await?;
    let (mut ranges, mut present, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (list, page) in now.into_iter().zip(pages) {
        let page = match page {
            Ok(page) => page,
            Err(gitlab::Error::ScopeNotFound(_)) => continue,
            Err(error) => {
                session.warn(
                    scope,
                    &format!("looking for pipelines that are gone in {}", list.path),
                    &error.into(),
                );
                continue;
            }
        };
        session.warn_left_out(scope, &page.left_out);
        let Some(id) = Node::new(&page.owner).number("id") else {
            continue;
        };
        // What GitLab fails at is there.
        let left_out = page.left_out.iter().map(|left_out| &left_out.row);
        let shown = page.nodes.iter().chain(left_out);
        let ids: Vec<i64> = shown.filter_map(|node| Node::new(node).number("id")).collect();
        let more = page.next();
        let lowest = ids.iter().min().copied();
        let from = if more.is_some() { lowest.unwrap_or(i64::MAX) } else { 0 };
        ranges.push((id, from, list.below.map_or(i64::MAX, |below| below - 1)));
        present.extend(ids);
        told.extend(page.nodes.into_iter().map(|node| (list.path.clone(), node)));
        if more.is_some() {
            pending.push(PendingIds {
                after: more,
                below: lowest.or(list.below),
                ..list
            });
        }
    }
    let seen = session.tables.fingerprints(stream, &present).await?;
    let as_it_is = |node: &Json| {
        let id = Node::new(node).number("id");
        id.and_then(|id| seen.get(&id))
            .is_some_and(|known| *known == stream.fingerprint_of(node))
    };
    let in_time = |node: &Json| {
        let start = session.options.start_date;
        start.is_none_or(|start| time_of(node, "updatedAt").is_none_or(|at| at >= start))
    };
    let differing = told.iter().filter(|(_, node)| in_time(node) && !as_it_is(node));
    let projects: BTreeSet<&String> = differing.map(|(path, _)| path).collect();
    for path in projects {
        add_all_of(session, scope, path, rows).await?;
    }
    rows.soft_deletes.push(SoftDelete {
        table: &stream.table,
        within: vec![Within::IdsOf("project_id", ranges)],
        present,
    });
    Ok(pending)
}
