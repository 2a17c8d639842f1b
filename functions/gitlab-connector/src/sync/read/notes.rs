//! The notes of merge requests and issues. The first ones come with each row; of rows with more, all are
//! read in few requests before they are committed.
//!
//! Naming rows by their numbers makes the page free in GitLab's score of a query, so one request can ask
//! for the notes of 50 rows of one project, and of several projects at once. A project can have moved
//! meanwhile, or a replica may not know yet that it has: rows that are not found in it, and those with still
//! more notes, are asked for by their ids, which never change.
//!
//! A deleted note leaves no trace but a lower number of comments. A replica that lags behind the one that gave the row may
//! still show it, so the row keeps the highest number that came with its notes: the look at what is gone
//! then finds it different from GitLab's, and reads the row again.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde_json::{Map, Value as Json, json};

use crate::gitlab::{self, LARGEST_PAGE, PageSize, Parts, gid, nodes_of};
use crate::streams::Node;
use crate::sync::list::{ISSUES, List, MERGE_REQUESTS};
use crate::sync::rows::{Rows, Unfinished};
use crate::sync::session::Session;

/// Lists of notes in one request: each adds about 45 to the query's score, of which 250 are allowed.
const LISTS_AT_ONCE: usize = 4;
/// Rows of one project in one request.
const ROWS_AT_ONCE: usize = 50;

/// The number of comments by people.
const COMMENTS: (&str, &str) = ("userNotesCount", "user_notes_count");

/// Rows of one project whose notes are wanted, by number.
type Wanted = (String, Vec<String>);

/// A row whose notes go on after a page.
struct More {
    id: i64,
    /// `None`: from the first one on.
    after: Option<String>,
}

/// The notes that a node is asked for.
pub fn selection(session: &Session<'_>, list: &'static List, arguments: &str) -> String {
    let note = session.selection(session.streams.named(list.notes));
    format!("notes({arguments}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {note} }} }}")
}

/// What tells the number of comments, where this GitLab does.
fn comments(session: &Session<'_>, list: &List) -> &'static str {
    let (field, _) = COMMENTS;
    let kind = session.streams.named(list.stream).node_type;
    if session.instance.has(kind, field) { field } else { "" }
}

/// Maps the notes that came with a node. If there are more, the row is unfinished.
pub fn take<'a>(session: &Session<'a>, list: &'static List, mut node: Json, rows: &mut Rows<'a>) {
    let text = |field: &str| node[field].as_str().unwrap_or_default().to_owned();
    let (iid, url) = (text("iid"), text("webUrl"));
    if let Some(more) = take_page(session, list, &url, &mut node, rows) {
        rows.unfinished.push(Unfinished {
            list,
            id: more.id,
            iid,
            url,
            project: session.path_of(&node),
        });
    }
}

/// Adds all notes of the unfinished rows.
pub async fn add<'a>(session: &Session<'a>, rows: &mut Rows<'a>) -> Result<(), gitlab::Error> {
    let unfinished = std::mem::take(&mut rows.unfinished);
    for list in [&MERGE_REQUESTS, &ISSUES] {
        let of_list = unfinished.iter().filter(|row| row.list.stream == list.stream);
        finish(session, list, of_list, rows).await?;
    }
    Ok(())
}

async fn finish<'a>(
    session: &Session<'a>,
    list: &'static List,
    unfinished: impl Iterator<Item = &Unfinished>,
    rows: &mut Rows<'a>,
) -> Result<(), gitlab::Error> {
    let mut unread: BTreeSet<i64> = BTreeSet::new();
    let mut urls: BTreeMap<i64, &str> = BTreeMap::new();
    let mut by_project: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in unfinished {
        unread.insert(row.id);
        urls.insert(row.id, &row.url);
        if let Some(project) = &row.project {
            by_project.entry(project).or_default().insert(&row.iid);
        }
    }
    let mut wanted: Vec<Wanted> = Vec::new();
    for (path, iids) in by_project {
        let iids: Vec<String> = iids.into_iter().map(ToOwned::to_owned).collect();
        wanted.extend(iids.chunks(ROWS_AT_ONCE).map(|iids| (path.to_owned(), iids.to_vec())));
    }
    let firsts = wanted
        .chunks(LISTS_AT_ONCE)
        .map(|chunk| first_pages(session, list, chunk.to_vec()));
    let mut more = Vec::new();
    for mut node in try_join_all(firsts).await?.into_iter().flatten() {
        // Another row may have that number in a project that has taken the path.
        if let Some(id) = Node::new(&node).number("id").filter(|id| unread.remove(id)) {
            more.extend(take_page(session, list, urls[&id], &mut node, rows));
        }
    }
    more.extend(unread.into_iter().map(|id| More { id, after: None }));
    while !more.is_empty() {
        let pages = more.chunks(LISTS_AT_ONCE).map(|chunk| next_pages(session, list, chunk));
        let pages = try_join_all(pages).await?;
        let mut hidden: BTreeSet<i64> = more.drain(..).map(|row| row.id).collect();
        for mut node in pages.into_iter().flatten() {
            let Some(id) = Node::new(&node).number("id") else {
                continue;
            };
            if hidden.remove(&id) {
                more.extend(take_page(session, list, urls[&id], &mut node, rows));
            }
        }
        // Without its notes a row would seem complete when the token may see it again.
        rows.forget(session.streams, list.stream, list.column, &hidden);
    }
    Ok(())
}

/// Maps a row's notes, and tells whether there are more. Their addresses are made of the row's own: a replica that does
/// not know yet that a project has moved would give old ones.
fn take_page<'a>(
    session: &Session<'a>,
    list: &'static List,
    url: &str,
    node: &mut Json,
    rows: &mut Rows<'a>,
) -> Option<More> {
    let stream = session.streams.named(list.notes);
    let id = Node::new(node).number("id")?;
    let (field, column) = COMMENTS;
    if let Some(comments) = node[field].as_i64() {
        rows.raise(session.streams.named(list.stream), id, column, comments);
    }
    let mut notes = node["notes"].take();
    let parent = json!({"id": node["id"], "projectId": node["projectId"]});
    for mut note in nodes_of(&mut notes) {
        note["_parent"] = parent.clone();
        if let Some(number) = Node::new(&note).number("id").filter(|_| !url.is_empty()) {
            note["_url"] = json!(format!("{url}#note_{number}"));
        }
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
        id,
        after: Some(info["endCursor"].as_str()?.to_owned()),
    })
}

/// The first page of notes of each row. Too much at once, the request is cut in two.
async fn first_pages(
    session: &Session<'_>,
    list: &'static List,
    wanted: Vec<Wanted>,
) -> Result<Vec<Json>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    let notes = format!("{} {}", comments(session, list), selection(session, list, "first: 100"));
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
    match session.client.ask(list.notes, &query, Json::Object(variables)).await {
        Ok(mut reply) => Ok((0..wanted.len())
            .flat_map(|index| nodes_of(&mut reply.data[format!("a{index}")][list.field]))
            .collect()),
        Err(gitlab::Error::TooMuch(_) | gitlab::Error::TooComplex(_))
            if wanted.iter().map(|(_, iids)| iids.len()).sum::<usize>() > 1 =>
        {
            let (left, right) = halves(wanted);
            let mut pages = Box::pin(first_pages(session, list, left)).await?;
            pages.extend(Box::pin(first_pages(session, list, right)).await?);
            Ok(pages)
        }
        // A single row is asked for by its id then, with a smaller page of its notes.
        Err(gitlab::Error::TooMuch(_) | gitlab::Error::TooComplex(_)) => Ok(Vec::new()),
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
async fn next_pages(session: &Session<'_>, list: &'static List, more: &[More]) -> Result<Vec<Json>, gitlab::Error> {
    let size = PageSize::new(LARGEST_PAGE);
    let mut parts = Parts::of(more, more.len().max(1));
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        match pages_after(session, list, part, size.get()).await {
            Ok(pages) => found.extend(pages),
            Err(error) if part.len() == 1 && size.shrink(size.get(), &error) => parts.again(part),
            Err(error) => parts.halve(part, error)?,
        }
    }
    Ok(found)
}

async fn pages_after(
    session: &Session<'_>,
    list: &'static List,
    more: &[More],
    first: u32,
) -> Result<Vec<Json>, gitlab::Error> {
    let (mut parameters, mut fields, mut variables) = (String::new(), String::new(), Map::new());
    let kind = session.streams.named(list.stream).node_type.unwrap_or_default();
    for (index, More { id, after }) in more.iter().enumerate() {
        let notes = selection(session, list, &format!("first: {first}, after: $c{index}"));
        let notes = format!("{} {notes}", comments(session, list));
        parameters.push_str(&format!("$i{index}: {kind}ID!, $c{index}: String, "));
        fields.push_str(&format!(
            "a{index}: {}(id: $i{index}) {{ id iid projectId {notes} }} ",
            list.single
        ));
        variables.insert(format!("i{index}"), json!(gid(kind, *id)));
        variables.insert(format!("c{index}"), json!(after));
    }
    let query = format!("query MoreNotes({parameters}) {{ {fields} }}");
    let mut reply = session.client.ask(list.notes, &query, Json::Object(variables)).await?;
    let found = (0..more.len()).map(|index| reply.data[format!("a{index}")].take());
    Ok(found.filter(|node| !node.is_null()).collect())
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
