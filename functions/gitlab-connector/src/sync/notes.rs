//! The notes of merge requests and issues. The first ones come with each row; of rows with more, all are
//! read in few requests.
//!
//! Naming rows by their numbers makes the page free in GitLab's score of a query, so one request can ask
//! for the notes of 100 rows of one project, and of several projects at once.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde_json::{Map, Value as Json, json};

use super::context::Context;
use super::lists::{List, nodes_of, path_of};
use super::page_size::{LARGEST_PAGE, PageSize, Parts};
use super::rows::Rows;
use crate::gitlab;
use crate::streams::Node;

/// Projects in one request: each adds about 45 to the query's score, of which 250 are allowed.
const PROJECTS_AT_ONCE: usize = 4;
/// Rows of one project in one request.
const ROWS_AT_ONCE: usize = 50;

/// A row of which not all notes are known.
pub struct Unfinished {
    project: String,
    iid: String,
}

/// Rows of one project whose notes are wanted, by number.
type Wanted = (String, Vec<String>);

/// A row with more notes after a page.
struct More {
    project: String,
    iid: String,
    /// `None`: from the first one on.
    after: Option<String>,
}

/// The notes that a node is asked for.
pub fn selection(context: &Context<'_>, list: &'static List, arguments: &str) -> String {
    let note = context.selection(context.streams.named(list.notes));
    format!("notes({arguments}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {note} }} }}")
}

/// Maps the notes that came with a node. If there are more, tells of which row.
pub fn take<'a>(context: &Context<'a>, list: &'static List, mut node: Json, rows: &mut Rows<'a>) -> Option<Unfinished> {
    let project = path_of(context, &node);
    let more = take_page(context, list, project.as_deref().unwrap_or_default(), &mut node, rows)?;
    if project.is_none() {
        tracing::warn!(
            list = list.stream,
            "a row does not tell its project, so only its first notes are read"
        );
    }
    Some(Unfinished {
        project: project?,
        iid: more.iid,
    })
}

/// Adds all notes of these rows.
pub async fn finish<'a>(
    context: &Context<'a>,
    list: &'static List,
    unfinished: Vec<Unfinished>,
    rows: &mut Rows<'a>,
) -> Result<(), gitlab::Error> {
    let mut by_project: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in unfinished {
        by_project.entry(row.project).or_default().push(row.iid);
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    for (path, iids) in &by_project {
        wanted.extend(iids.chunks(ROWS_AT_ONCE).map(|iids| (path.clone(), iids.to_vec())));
    }
    let firsts = wanted
        .chunks(PROJECTS_AT_ONCE)
        .map(|chunk| first_pages(context, list, chunk.to_vec()));
    let mut pages = try_join_all(firsts).await?;
    loop {
        let mut more = Vec::new();
        for (project, mut node) in pages.into_iter().flatten() {
            more.extend(take_page(context, list, &project, &mut node, rows));
        }
        if more.is_empty() {
            return Ok(());
        }
        pages = try_join_all(
            more.chunks(PROJECTS_AT_ONCE)
                .map(|chunk| next_pages(context, list, chunk)),
        )
        .await?;
    }
}

/// Maps a row's notes, and tells whether there are more.
fn take_page<'a>(
    context: &Context<'a>,
    list: &'static List,
    project: &str,
    node: &mut Json,
    rows: &mut Rows<'a>,
) -> Option<More> {
    let stream = context.streams.named(list.notes);
    let id = Node::new(node).number("id")?;
    let mut notes = node["notes"].take();
    let parent = json!({"id": node["id"], "projectId": node["projectId"]});
    for mut note in nodes_of(&mut notes) {
        note["_parent"] = parent.clone();
        rows.map(stream, &note);
    }
    let info = &notes["pageInfo"];
    if info["hasNextPage"] != true {
        if info.is_object() {
            rows.whole(stream, id);
        }
        return None;
    }
    Some(More {
        project: project.to_owned(),
        iid: node["iid"].as_str()?.to_owned(),
        after: Some(info["endCursor"].as_str()?.to_owned()),
    })
}

/// The first page of notes of each row. Too much at once, the request is cut in two.
async fn first_pages(
    context: &Context<'_>,
    list: &'static List,
    wanted: Vec<Wanted>,
) -> Result<Vec<(String, Json)>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    let notes = selection(context, list, "first: 100");
    for (index, (path, iids)) in wanted.iter().enumerate() {
        parameters.push_str(&format!("$p{index}: ID!, $i{index}: [String!], "));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ {}(iids: $i{index}) {{ nodes {{ id iid projectId {notes} }} }} }} ",
            list.field
        ));
        variables.insert(format!("p{index}"), json!(path));
        variables.insert(format!("i{index}"), json!(iids));
    }
    let query = format!("query Notes({parameters}) {{ {fields} }}");
    match context.client.ask(list.notes, &query, Json::Object(variables)).await {
        Ok(mut reply) => Ok(wanted
            .into_iter()
            .enumerate()
            .flat_map(|(index, (path, _))| {
                let nodes = nodes_of(&mut reply.data[format!("a{index}")][list.field]);
                nodes.into_iter().map(move |node| (path.clone(), node))
            })
            .collect()),
        Err(gitlab::Error::TooMuch(_) | gitlab::Error::TooComplex(_))
            if wanted.iter().map(|(_, iids)| iids.len()).sum::<usize>() > 1 =>
        {
            let (left, right) = halves(wanted);
            let mut pages = Box::pin(first_pages(context, list, left)).await?;
            pages.extend(Box::pin(first_pages(context, list, right)).await?);
            Ok(pages)
        }
        // A single row: a smaller page of its notes may do.
        Err(gitlab::Error::TooMuch(_) | gitlab::Error::TooComplex(_)) => {
            let rows = wanted.into_iter().flat_map(|(project, iids)| {
                let row = move |iid| More {
                    project: project.clone(),
                    iid,
                    after: None,
                };
                iids.into_iter().map(row)
            });
            next_pages(context, list, &rows.collect::<Vec<_>>()).await
        }
        Err(error) => Err(error),
    }
}

/// Two parts of about the same size, neither empty if there are two rows or more.
fn halves(mut wanted: Vec<Wanted>) -> (Vec<Wanted>, Vec<Wanted>) {
    if wanted.len() > 1 {
        let right = wanted.split_off(wanted.len() / 2);
        return (wanted, right);
    }
    let (path, mut iids) = wanted.pop().unwrap_or_default();
    let right = iids.split_off(iids.len() / 2);
    (vec![(path.clone(), iids)], vec![(path, right)])
}

/// The next page of notes of each row: of fewer rows at once if GitLab finds it too much, and of a single row fewer
/// notes.
async fn next_pages(
    context: &Context<'_>,
    list: &'static List,
    more: &[More],
) -> Result<Vec<(String, Json)>, gitlab::Error> {
    let size = PageSize::new(LARGEST_PAGE);
    let mut parts = Parts::of(more, more.len().max(1));
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        match pages_after(context, list, part, size.get()).await {
            Ok(pages) => found.extend(pages),
            Err(error) if part.len() == 1 && size.shrink(size.get(), &error) => parts.again(part),
            Err(error) => parts.halve(part, error)?,
        }
    }
    Ok(found)
}

async fn pages_after(
    context: &Context<'_>,
    list: &'static List,
    more: &[More],
    first: u32,
) -> Result<Vec<(String, Json)>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    for (index, More { project, iid, after }) in more.iter().enumerate() {
        let notes = selection(context, list, &format!("first: {first}, after: $c{index}"));
        parameters.push_str(&format!("$p{index}: ID!, $i{index}: String!, $c{index}: String, "));
        fields.push_str(&format!(
            "a{index}: project(fullPath: $p{index}) {{ {}(iid: $i{index}) {{ id iid projectId {notes} }} }} ",
            list.single
        ));
        variables.insert(format!("p{index}"), json!(project));
        variables.insert(format!("i{index}"), json!(iid));
        variables.insert(format!("c{index}"), json!(after));
    }
    let query = format!("query MoreNotes({parameters}) {{ {fields} }}");
    let mut reply = context.client.ask(list.notes, &query, Json::Object(variables)).await?;
    let found = more.iter().enumerate().map(|(index, more)| {
        let node = reply.data[format!("a{index}")][list.single].take();
        (more.project.clone(), node)
    });
    Ok(found.filter(|(_, node)| !node.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_ends_with_single_rows() {
        let wanted = vec![("a".to_owned(), vec!["1".to_owned(), "2".into(), "3".into()])];
        let (left, right) = halves(wanted);
        assert_eq!((left[0].1.len(), right[0].1.len()), (1, 2));
    }
}
