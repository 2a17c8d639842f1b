//! Compares pipelines: those that are gone are marked, and a project in which one differs is read again.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use mergemind_shared::warehouse::{Sweep, Within};
use serde_json::{Map, Value as Json, json};

use crate::gitlab::{self, nodes_of, time_of};
use crate::streams::Node;
use crate::sync::error::Error;
use crate::sync::raw_tables::fingerprint;
use crate::sync::read::pipelines::add_all_of;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::{IDS, Session};
use crate::sync::state::{Pass, Pending};

/// Lists of pipelines in one request: each costs 18 of GitLab's 250.
const PROJECTS_AT_ONCE: usize = 12;
/// Such requests at once.
const REQUESTS: usize = 4;
/// Compares some pages of pipelines: GitLab lists them by descending id.
pub async fn compare<'a>(
    session: &Session<'a>,
    scope: &Scope,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let now: Vec<Pending> = pass
        .pending
        .drain(..pass.pending.len().min(PROJECTS_AT_ONCE * REQUESTS))
        .collect();
    let replies = try_join_all(
        now.chunks(PROJECTS_AT_ONCE)
            .map(|chunk| ids_of_pipelines(session, chunk)),
    )
    .await?;
    let (mut ranges, mut present, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (pending, mut project) in now.into_iter().zip(replies.into_iter().flatten()) {
        let Some(id) = Node::new(&project).number("id") else {
            continue;
        };
        let info = project["pipelines"]["pageInfo"].take();
        let nodes = nodes_of(&mut project["pipelines"]);
        let ids: Vec<i64> = nodes.iter().filter_map(|node| Node::new(node).number("id")).collect();
        let more = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true);
        let lowest = ids.iter().min().copied();
        let from = if more.is_some() { lowest.unwrap_or(i64::MAX) } else { 0 };
        ranges.push((id, from, pending.below.map_or(i64::MAX, |below| below - 1)));
        present.extend(ids);
        told.extend(nodes.into_iter().map(|node| (pending.path.clone(), node)));
        if let Some(end) = more {
            pass.pending.push(Pending {
                after: Some(end.to_owned()),
                below: lowest.or(pending.below),
                ..pending
            });
        }
    }
    let seen = session.tables.fingerprints("pipelines", &present).await?;
    let as_it_is = |node: &Json| {
        let id = Node::new(node).number("id");
        id.and_then(|id| seen.get(&id))
            .is_some_and(|known| *known == fingerprint("pipelines", node))
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
    rows.sweeps.push(Sweep {
        table: &session.streams.named("pipelines").table,
        within: vec![Within::IdsOf("project_id", ranges)],
        present,
    });
    Ok(())
}

async fn ids_of_pipelines(session: &Session<'_>, chunk: &[Pending]) -> Result<Vec<Json>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    for (index, pending) in chunk.iter().enumerate() {
        parameters.push_str(&format!("$p{index}: ID!, $c{index}: String, "));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ id pipelines(first: $first, after: $c{index}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ id status updatedAt }} }} }} "
        ));
        variables.insert(format!("p{index}"), json!(pending.path));
        variables.insert(format!("c{index}"), json!(pending.after));
    }
    let query = format!("query IdsOfPipelines({parameters}$first: Int!) {{ {fields} }}");
    let (variables, size) = (Json::Object(variables), session.page(IDS));
    let mut reply = session.ask_page("pipelines", &query, variables, size).await?;
    Ok((0..chunk.len())
        .map(|index| reply.data[format!("a{index}")].take())
        .collect())
}
