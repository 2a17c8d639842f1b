//! Pipelines of projects in which some changed: of several projects, or parts of a long list, in each request.

mod cut;

use cut::{Left, cut};
use futures::future::join_all;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use crate::gitlab::{self, nodes_of, text_of, time_of};
use crate::sync::error::Error;
use crate::sync::read::lookup;
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Pass, Pending, Position};

/// Lists in one request: each costs 48 of GitLab's 250.
const AT_ONCE: usize = 5;
/// Such requests for one checkpoint.
const REQUESTS: usize = 4;

/// Reads the next page of pipelines of some pending projects. A project whose pipelines can't be read is
/// a warning, and is tried again in the next sync.
pub async fn next<'a>(
    session: &Session<'a>,
    scope: &Scope,
    position: &Position,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let now: Vec<Pending> = pass
        .pending
        .drain(..pass.pending.len().min(AT_ONCE * REQUESTS))
        .collect();
    let since = position.updated_after;
    let replies = join_all(now.chunks(AT_ONCE).map(|chunk| ask(session, chunk, since))).await;
    let mut found = Vec::new();
    for (chunk, reply) in now.chunks(AT_ONCE).zip(replies) {
        match reply {
            Ok(projects) => found.extend(projects),
            Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
            Err(_) => {
                for alone in chunk {
                    match ask(session, std::slice::from_ref(alone), since).await {
                        Ok(projects) => found.extend(projects),
                        Err(error) if session.concerns_all_of_gitlab(&error).await => return Err(error.into()),
                        Err(error) => {
                            session.warn(scope, &format!("pipelines of {}", alone.path), &error.into());
                            pass.failed.push(alone.again(position.updated_after));
                        }
                    }
                }
            }
        }
    }
    let stream = session.streams.named("pipelines");
    let (mut pipelines, mut left) = (Vec::new(), Vec::new());
    for (pending, mut project) in found {
        let floor = since_of(&pending, since, session).or_else(|| time_of(&project, "createdAt"));
        let mut connection = project["pipelines"].take();
        let info = connection.get_mut("pageInfo").map(Json::take).unwrap_or_default();
        let nodes = nodes_of(&mut connection);
        if let Some(end) = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true) {
            let pending = Pending {
                after: Some(end.to_owned()),
                ..pending.clone()
            };
            left.push(Left::of(pending, &nodes, floor));
        }
        for mut pipeline in nodes {
            pipeline["_parent"] = json!({"id": project["id"]});
            pipeline["_path"] = json!(pending.path);
            rows.map(stream, &pipeline);
            pipelines.push(pipeline);
        }
    }
    let room = (AT_ONCE * REQUESTS).saturating_sub(pass.pending.len());
    pass.pending.extend(cut(left, AT_ONCE, room));
    // In a first pass the merge requests are all read afterwards.
    if position.updated_after.is_some() {
        lookup::add_of_pipelines(session, &pipelines, rows).await?;
    }
    Ok(())
}

/// One page of each project; projects that GitLab does not show are passed over.
async fn ask(
    session: &Session<'_>,
    chunk: &[Pending],
    since: Option<OffsetDateTime>,
) -> Result<Vec<(Pending, Json)>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    let pipeline = session.selection(session.streams.named("pipelines"));
    for (index, pending) in chunk.iter().enumerate() {
        parameters.push_str(&format!(
            "$p{index}: ID!, $c{index}: String, $s{index}: Time, $u{index}: Time, "
        ));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ id createdAt pipelines(updatedAfter: $s{index}, updatedBefore: $u{index}, first: $first, after: $c{index}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {pipeline} }} }} }} "
        ));
        variables.insert(format!("p{index}"), json!(pending.path));
        variables.insert(format!("c{index}"), json!(pending.after));
        let bounds = [since_of(pending, since, session), pending.until];
        let [since, until] = bounds.map(|bound| bound.map(text_of));
        variables.insert(format!("s{index}"), json!(since));
        variables.insert(format!("u{index}"), json!(until));
    }
    let query = format!("query Pipelines({parameters}$first: Int!) {{ {fields} }}");
    let (variables, size) = (Json::Object(variables), session.page("pipelines"));
    let mut reply = session.ask_page("pipelines", &query, variables, size).await?;
    let projects = chunk
        .iter()
        .enumerate()
        .map(|(index, pending)| (pending.clone(), reply.data[format!("a{index}")].take()));
    Ok(projects.filter(|(_, project)| !project.is_null()).collect())
}

/// Since when changes in a project count.
fn since_of(pending: &Pending, since: Option<OffsetDateTime>, session: &Session<'_>) -> Option<OffsetDateTime> {
    let since = pending.since.or(since).filter(|_| !pending.all);
    since.or(session.options.start_date)
}

/// Adds all pipelines of a project.
pub async fn add_all_of<'a>(
    session: &Session<'a>,
    scope: &Scope,
    path: &str,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    // As in a first pass: the merge requests are looked at by others.
    let position = Position::default();
    let mut pass = position.pass_from(session.instance.at);
    pass.pending.push(Pending {
        path: path.to_owned(),
        all: true,
        ..Pending::default()
    });
    while !pass.pending.is_empty() {
        next(session, scope, &position, &mut pass, rows).await?;
    }
    Ok(())
}
