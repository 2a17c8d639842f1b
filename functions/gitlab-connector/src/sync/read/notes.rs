//! The notes of merge requests and issues. The first ones come with each row; of rows with more, all are
//! read in few requests before they are committed.
//!
//! Naming rows by their numbers makes the page free in GitLab's score (docs/gitlab.md#score), so one request can ask
//! for the notes of 50 rows of one project, and of several projects at once. A project can have moved
//! meanwhile, or a replica may not know yet that it has: rows that are not found in it, and those with still
//! more notes, are asked for by their ids, which never change.
//!
//! A deleted note leaves no trace but a lower number of comments. A replica that lags behind the one that gave the row may
//! still show it, so the row keeps the highest number that came with its notes: the look at what is gone
//! then finds it different from GitLab's, and reads the row again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::gitlab::{self, Argument, Connection, Field, LARGEST_PAGE, Owner, Page, Purpose, Selection};
use crate::streams::Node;
use crate::sync::list::{ISSUES, List, MERGE_REQUESTS};
use crate::sync::rows::{Rows, Unfinished};
use crate::sync::session::Session;

/// Rows of one project in one request: naming them makes them free in GitLab's score, but not in its time.
const ROWS_AT_ONCE: usize = 50;

/// The number of comments by people.
const COMMENTS: (&str, &str) = ("userNotesCount", "user_notes_count");

/// A row whose notes go on after a page.
struct More {
    id: i64,
    /// `None`: from the first one on.
    after: Option<String>,
}

/// The first notes that a node is asked for. Of rows with more all are read, from the first one on.
pub fn selection(session: &Session<'_>, list: &'static List, first: u32) -> Field {
    page_of(session, list, first, "pageInfo { hasNextPage }")
}

fn page_of(session: &Session<'_>, list: &'static List, first: u32, end: &str) -> Field {
    let notes = Selection::parse(end);
    let nodes = Field::new("nodes").of(session.fields(session.streams.named(list.notes)));
    Field::new("notes")
        .with("first", Argument::Literal(first.to_string().into()))
        .of(notes.with(nodes))
}

/// What names a row, and tells the number of its comments where this GitLab does.
fn identity(session: &Session<'_>, list: &List) -> Selection {
    let (field, _) = COMMENTS;
    let kind = session.streams.named(list.stream).node_type;
    let mut names = Selection::parse("id iid projectId");
    if session.instance.has(kind, field) {
        names = names.with(Field::new(field));
    }
    names
}

/// Maps the notes that came with a node. If there are more, the row is unfinished.
pub fn take<'a>(session: &Session<'a>, list: &'static List, mut node: Json, rows: &mut Rows<'a>) {
    let text = |field: &str| node[field].as_str().unwrap_or_default().to_owned();
    let (iid, url) = (text("iid"), text("webUrl"));
    let notes = Page::of(node["notes"].take());
    let goes_on = notes.has_next;
    take_page(session, list, &url, &node, notes, rows);
    if let Some(id) = Node::new(&node).number("id").filter(|_| goes_on) {
        rows.unfinished.push(Unfinished {
            list,
            id,
            iid,
            url,
            project: session.path_of(&node),
        });
    }
}

/// Adds all notes of the unfinished rows.
///
/// # Errors
/// If GitLab fails at more than single rows.
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
    let mut by_project: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for row in unfinished {
        unread.insert(row.id);
        urls.insert(row.id, &row.url);
        if let (Some(project), Ok(iid)) = (&row.project, row.iid.parse()) {
            by_project.entry(project).or_default().insert(iid);
        }
    }
    let mut more = Vec::new();
    for mut node in first_pages(session, list, by_project).await? {
        // Another row may have that number in a project that has taken the path.
        if let Some(id) = Node::new(&node).number("id").filter(|id| unread.remove(id)) {
            let notes = Page::of(node["notes"].take());
            more.extend(take_page(session, list, urls[&id], &node, notes, rows));
        }
    }
    more.extend(unread.into_iter().map(|id| More { id, after: None }));
    let mut hidden = BTreeSet::new();
    let mut seen: BTreeMap<i64, gitlab::Seen> = BTreeMap::new();
    while !more.is_empty() {
        let pages = next_pages(session, list, &more).await?;
        for (row, page) in std::mem::take(&mut more).into_iter().zip(pages) {
            let moved = |seen: &mut gitlab::Seen, page: &Page| {
                let next = page.next();
                next.map_or(Ok(()), |cursor| seen.add(&list.notes, &cursor))
            };
            let page = page.and_then(|page| moved(seen.entry(row.id).or_default(), &page).map(|()| page));
            match page {
                Ok(page) => {
                    session.warn_left_out(&urls[&row.id], &page.left_out);
                    let owner = page.owner.clone();
                    more.extend(take_page(session, list, urls[&row.id], &owner, page, rows));
                }
                Err(gitlab::Error::ScopeNotFound(_)) => {
                    hidden.insert(row.id);
                }
                // Those of its notes that have come are kept, and those that the table has stay.
                Err(error) => session.warn(&urls[&row.id], list.notes, &error.into()),
            }
        }
    }
    // Without its notes a row would seem complete when the token may see it again.
    rows.forget(session.streams, session.streams.named(list.stream), &hidden);
    Ok(())
}

/// Maps a row's notes, and tells whether there are more. Their addresses are made of the row's own: a replica that does
/// not know yet that a project has moved would give old ones.
fn take_page<'a>(
    session: &Session<'a>,
    list: &'static List,
    url: &str,
    row: &Json,
    notes: Page,
    rows: &mut Rows<'a>,
) -> Option<More> {
    let stream = session.streams.named(list.notes);
    let id = Node::new(row).number("id")?;
    let (field, column) = COMMENTS;
    if let Some(comments) = row[field].as_i64() {
        rows.raise(session.streams.named(list.stream), id, column, comments);
    }
    let next = notes.next();
    // A row whose notes are not all known keeps those that the table has.
    let is_whole = !notes.has_next && !notes.is_null && notes.left_out.iter().all(|left_out| left_out.field.is_some());
    let parent = json!({"id": row["id"], "projectId": row["projectId"]});
    for mut note in notes.nodes {
        note["_parent"] = parent.clone();
        if let Some(number) = Node::new(&note).number("id").filter(|_| !url.is_empty()) {
            note["_url"] = json!(format!("{url}#note_{number}"));
        }
        rows.map(stream, &note);
    }
    if is_whole {
        rows.complete(stream, id);
    }
    next.map(|after| More { id, after: Some(after) })
}

/// The rows with these numbers, with their first page of notes. What GitLab fails at is missing: it is asked for by its
/// id then, with smaller pages of its notes.
async fn first_pages(
    session: &Session<'_>,
    list: &'static List,
    by_project: BTreeMap<&str, BTreeSet<i64>>,
) -> Result<Vec<Json>, gitlab::Error> {
    let nodes = identity(session, list).with(page_of(
        session,
        list,
        LARGEST_PAGE,
        "pageInfo { hasNextPage endCursor }",
    ));
    let mut lists = Vec::new();
    for (path, iids) in by_project {
        let iids: Vec<i64> = iids.into_iter().collect();
        lists.extend(iids.chunks(ROWS_AT_ONCE).map(|part| {
            Connection::new(Owner::ProjectAt(path.to_owned()), list.field)
                .iids(part.iter().copied())
                .nodes(nodes.clone())
        }));
    }
    let pages = gitlab::fetch(session.client, &Purpose::new(list.notes, "Notes"), lists).await?;
    Ok(pages.into_iter().flatten().flat_map(|page| page.nodes).collect())
}

/// The next page of notes of each row.
async fn next_pages(
    session: &Session<'_>,
    list: &'static List,
    more: &[More],
) -> Result<Vec<Result<Page, gitlab::Error>>, gitlab::Error> {
    let note = session.fields(session.streams.named(list.notes));
    let lists = more.iter().map(|row| {
        Connection::new(Owner::Row(list.kind, row.id), "notes")
            .after(row.after.clone())
            .nodes(note.clone())
            .beside(identity(session, list))
    });
    gitlab::fetch(session.client, &Purpose::new(list.notes, "MoreNotes"), lists.collect()).await
}
