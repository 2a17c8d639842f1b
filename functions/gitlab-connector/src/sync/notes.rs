//! The notes of merge requests: of a whole page of them in few requests.
//!
//! Naming merge requests by their numbers makes the page free in GitLab's score of a query, so one
//! request can ask for the notes of 100 merge requests of one project, and of several projects at once.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde_json::{Map, Value as Json, json};

use super::context::Context;
use super::rows::Rows;
use crate::gitlab;

/// Projects in one request: each adds about 45 to the query's score, of which 250 are allowed.
const PROJECTS_AT_ONCE: usize = 4;
/// Merge requests of one project in one request.
const MERGE_REQUESTS_AT_ONCE: usize = 50;

/// Merge requests of one project whose notes are wanted, by number.
type Wanted = (String, Vec<String>);

/// A merge request with more than one page of notes.
struct More {
    project: String,
    iid: String,
    after: String,
}

/// Adds all notes of these merge requests, given as GitLab sent them.
pub async fn add(context: &Context<'_>, merge_requests: &[Json], rows: &mut Rows) -> Result<(), gitlab::Error> {
    let mut by_project: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for node in merge_requests {
        if let (Some(path), Some(iid)) = (node["project"]["fullPath"].as_str(), node["iid"].as_str()) {
            by_project.entry(path).or_default().push(iid.to_owned());
        }
    }
    let wanted: Vec<Wanted> = by_project
        .into_iter()
        .flat_map(|(path, iids)| {
            let chunks: Vec<Wanted> = iids
                .chunks(MERGE_REQUESTS_AT_ONCE)
                .map(|iids| (path.to_owned(), iids.to_vec()))
                .collect();
            chunks
        })
        .collect();
    let mut more = Vec::new();
    let pages = try_join_all(
        wanted
            .chunks(PROJECTS_AT_ONCE)
            .map(|chunk| first_pages(context, chunk.to_vec())),
    )
    .await?;
    for (project, merge_request) in pages.into_iter().flatten() {
        more.extend(take(context, &project, merge_request, rows));
    }
    while !more.is_empty() {
        let pages = try_join_all(more.chunks(PROJECTS_AT_ONCE).map(|chunk| next_pages(context, chunk))).await?;
        more.clear();
        for (project, merge_request) in pages.into_iter().flatten() {
            more.extend(take(context, &project, merge_request, rows));
        }
    }
    Ok(())
}

/// Maps a merge request's notes, and tells whether there are more.
fn take(context: &Context<'_>, project: &str, mut merge_request: Json, rows: &mut Rows) -> Option<More> {
    let mut notes = merge_request["notes"].take();
    for note in notes["nodes"].as_array_mut().into_iter().flatten() {
        let Some(note_fields) = note.as_object_mut() else {
            continue;
        };
        note_fields.insert("_projectId".into(), merge_request["projectId"].clone());
        note_fields.insert("_mergeRequestId".into(), merge_request["id"].clone());
        rows.map(&context.inner.streams.mr_notes, note);
    }
    let info = &notes["pageInfo"];
    let after = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true)?;
    Some(More {
        project: project.to_owned(),
        iid: merge_request["iid"].as_str()?.to_owned(),
        after: after.to_owned(),
    })
}

fn selection(context: &Context<'_>, arguments: &str) -> String {
    let note = context.inner.streams.mr_notes.selection(|_| true);
    format!("id iid projectId notes({arguments}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {note} }} }}")
}

/// The first page of notes of each merge request. Too much at once, the request is cut in two.
async fn first_pages(context: &Context<'_>, wanted: Vec<Wanted>) -> Result<Vec<(String, Json)>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    let node = selection(context, "first: 100");
    for (index, (path, iids)) in wanted.iter().enumerate() {
        parameters.push_str(&format!("$p{index}: ID!, $i{index}: [String!], "));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ mergeRequests(iids: $i{index}) {{ nodes {{ {node} }} }} }} "
        ));
        variables.insert(format!("p{index}"), json!(path));
        variables.insert(format!("i{index}"), json!(iids));
    }
    let query = format!("query Notes({parameters}) {{ {fields} }}");
    match context
        .inner
        .client
        .ask("mr_notes", &query, Json::Object(variables))
        .await
    {
        Ok(mut reply) => Ok(wanted
            .into_iter()
            .enumerate()
            .flat_map(|(index, (path, _))| {
                let nodes = reply.data[format!("a{index}")]["mergeRequests"]["nodes"].take();
                let nodes = if let Json::Array(nodes) = nodes {
                    nodes
                } else {
                    Vec::new()
                };
                nodes
                    .into_iter()
                    .filter(|node| !node.is_null())
                    .map(move |node| (path.clone(), node))
                    .collect::<Vec<_>>()
            })
            .collect()),
        Err(gitlab::Error::TooMuch(_)) if wanted.iter().map(|(_, iids)| iids.len()).sum::<usize>() > 1 => {
            let (left, right) = halves(wanted);
            let mut pages = Box::pin(first_pages(context, left)).await?;
            pages.extend(Box::pin(first_pages(context, right)).await?);
            Ok(pages)
        }
        Err(error) => Err(error),
    }
}

/// Two parts of about the same size, neither empty if there are two merge requests or more.
fn halves(mut wanted: Vec<Wanted>) -> (Vec<Wanted>, Vec<Wanted>) {
    if wanted.len() > 1 {
        let right = wanted.split_off(wanted.len() / 2);
        return (wanted, right);
    }
    let (path, mut iids) = wanted.pop().unwrap_or_default();
    let right = iids.split_off(iids.len() / 2);
    (vec![(path.clone(), iids)], vec![(path, right)])
}

async fn next_pages(context: &Context<'_>, more: &[More]) -> Result<Vec<(String, Json)>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    for (index, More { project, iid, after }) in more.iter().enumerate() {
        let node = selection(context, &format!("first: 100, after: $c{index}"));
        parameters.push_str(&format!("$p{index}: ID!, $i{index}: String!, $c{index}: String, "));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ mergeRequest(iid: $i{index}) {{ {node} }} }} "
        ));
        variables.insert(format!("p{index}"), json!(project));
        variables.insert(format!("i{index}"), json!(iid));
        variables.insert(format!("c{index}"), json!(after));
    }
    let query = format!("query MoreNotes({parameters}) {{ {fields} }}");
    let mut reply = context
        .inner
        .client
        .ask("mr_notes", &query, Json::Object(variables))
        .await?;
    Ok(more
        .iter()
        .enumerate()
        .map(|(index, more)| {
            (
                more.project.clone(),
                reply.data[format!("a{index}")]["mergeRequest"].take(),
            )
        })
        .filter(|(_, merge_request)| !merge_request.is_null())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_ends_with_single_merge_requests() {
        let wanted = vec![("a".to_owned(), vec!["1".to_owned(), "2".into(), "3".into()])];
        let (left, right) = halves(wanted);
        assert_eq!((left[0].1.len(), right[0].1.len()), (1, 2));
    }
}
