//! Rows of a list that are asked for by their numbers, because something else names them: a pipeline, a
//! webhook, or a look at what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::gitlab::{self, Argument, Connection, LeftOut, Owner, Page, Purpose};
use crate::streams::pipelines::{self, merge_request_iid};
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, List, MERGE_REQUESTS};
use crate::sync::read::list_request::rows_of;
use crate::sync::read::nodes::{map_nodes, selection};
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// Merge requests of one branch in one request: there is hardly ever more than one.
const OF_BRANCH: u32 = 20;
/// Rows of one project in one request: naming them makes them free in GitLab's score, but not in its time.
const AT_ONCE: usize = 50;
/// Lists of so many rows that are read before the next ones: what is in memory grows with each.
const LISTS_AT_ONCE: usize = 8;

/// What to ask GitLab for because of a webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refetch {
    /// The project's full path.
    pub project: String,
    /// Merge requests by number.
    pub merge_requests: Vec<i64>,
    /// Issues by number.
    pub issues: Vec<i64>,
    /// A commit whose pipelines changed.
    pub pipelines_of: Option<String>,
    /// A branch that was pushed to.
    pub branch: Option<String>,
}

/// Numbers by project's path.
pub type Wanted = BTreeMap<String, BTreeSet<i64>>;

/// Adds the rows with these numbers, and all that belongs to them. Numbers that GitLab does not show are
/// passed over.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn add<'a>(
    session: &Session<'a>,
    list: &'static List,
    wanted: &Wanted,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let nodes = selection(session, list);
    let iids = |iids: &BTreeSet<i64>| iids.iter().copied().collect::<Vec<i64>>();
    let all: Vec<(&String, Vec<i64>)> = wanted.iter().map(|(path, numbers)| (path, iids(numbers))).collect();
    let parts = all
        .iter()
        .flat_map(|(path, iids)| iids.chunks(AT_ONCE).map(move |part| (path, part)));
    let lists: Vec<Connection> = parts
        .map(|(path, part)| {
            let owner = Owner::ProjectAt((*path).clone());
            Connection::new(owner, list.field)
                .iids(part.iter().copied())
                .nodes(nodes.clone())
        })
        .collect();
    for lists in lists.chunks(LISTS_AT_ONCE) {
        let purpose = Purpose::new(list.stream, "ByIids");
        let pages = rows_of(session, list, &purpose, lists.to_vec()).await?;
        for (asked, page) in lists.iter().zip(pages) {
            match page {
                Ok(mut page) => {
                    if let Owner::ProjectAt(path) = &asked.owner {
                        page.left_out.iter_mut().for_each(|row| address(list, path, row));
                    }
                    session.warn_left_out(&asked.owner.name(), &page.left_out);
                    map_nodes(session, list, page.nodes, rows);
                }
                Err(gitlab::Error::ScopeNotFound(_)) => {}
                Err(error) => session.warn(&asked.owner.name(), list.stream, &error.into()),
            }
        }
    }
    Ok(())
}

/// Gives a row that was asked for by its number, and that GitLab fails at, its address.
fn address(list: &'static List, path: &str, left_out: &mut LeftOut) {
    if let (Json::Null, Some(iid)) = (&left_out.row["webUrl"], left_out.row["iid"].as_str()) {
        left_out.row = json!({"webUrl": format!("{path}/-/{}/{iid}", list.stream)});
    }
}

/// Adds the merge requests of these pipelines, given as GitLab sent them with `_path`, their project's
/// path. GitLab does not move a merge request's `updated_at` for a pipeline.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn add_of_pipelines<'a>(session: &Session<'a>, pipelines: &[Json], rows: &mut Rows<'a>) -> Result<(), Error> {
    let mut wanted = Wanted::new();
    let mut shas = BTreeSet::new();
    for pipeline in pipelines {
        let Some(path) = pipeline["_path"].as_str() else {
            continue;
        };
        match pipeline["ref"].as_str().and_then(merge_request_iid) {
            Some(iid) => {
                wanted.entry(path.to_owned()).or_default().insert(iid);
            }
            None => {
                let sha = pipeline["sha"].as_str().filter(|sha| is_hexadecimal(sha));
                shas.extend(sha.map(ToOwned::to_owned));
            }
        }
    }
    // A branch's pipeline knows only its commit: the rows that are there tell whose head that is.
    for (path, iid) in session.tables.with_heads(&shas).await? {
        wanted.entry(path).or_default().insert(iid);
    }
    add(session, &MERGE_REQUESTS, &wanted, rows).await
}

/// Adds what these webhooks name.
///
/// # Errors
/// If GitLab or the warehouse still fails after retries.
pub async fn refetch<'a>(session: &Session<'a>, wanted: &[Refetch], rows: &mut Rows<'a>) -> Result<(), Error> {
    let (mut merge_requests, mut issues) = (Wanted::new(), Wanted::new());
    let (mut commits, mut branches) = (BTreeSet::new(), BTreeSet::new());
    for hint in wanted {
        let path = || hint.project.clone();
        if !hint.merge_requests.is_empty() {
            merge_requests.entry(path()).or_default().extend(&hint.merge_requests);
        }
        if !hint.issues.is_empty() && session.on(ISSUES.stream) {
            issues.entry(path()).or_default().extend(&hint.issues);
        }
        commits.extend(hint.pipelines_of.iter().map(|sha| (path(), sha.clone())));
        branches.extend(hint.branch.iter().map(|branch| (path(), branch.clone())));
    }
    for (path, sha) in &commits {
        add_pipelines(session, path, sha, rows).await?;
    }
    for (path, branch) in &branches {
        add_of_branch(session, path, branch, rows).await?;
    }
    add(session, &MERGE_REQUESTS, &merge_requests, rows).await?;
    add(session, &ISSUES, &issues, rows).await
}

/// The pipelines of a commit, and the merge requests that they belong to.
async fn add_pipelines<'a>(session: &Session<'a>, path: &str, sha: &str, rows: &mut Rows<'a>) -> Result<(), Error> {
    if !session.on(pipelines::NAME) {
        return Ok(());
    }
    let stream = session.streams.named(pipelines::NAME);
    let pipelines = Connection::new(Owner::ProjectAt(path.to_owned()), pipelines::LIST)
        .with("sha", Argument::text(sha))
        .nodes(session.fields(stream));
    let Some(page) = all_or_none(session, &Purpose::new(pipelines::NAME, "PipelinesOf"), pipelines).await? else {
        return Ok(());
    };
    let mut pipelines = page.nodes;
    for pipeline in &mut pipelines {
        pipeline["_parent"] = json!({"id": page.owner["id"]});
        pipeline["_path"] = json!(path);
        rows.map(stream, pipeline);
    }
    add_of_pipelines(session, &pipelines, rows).await
}

/// The open merge requests of a branch that was pushed to.
async fn add_of_branch<'a>(session: &Session<'a>, path: &str, branch: &str, rows: &mut Rows<'a>) -> Result<(), Error> {
    let open = Connection::new(Owner::ProjectAt(path.to_owned()), MERGE_REQUESTS.field)
        .with("sourceBranches", Argument::texts(&[branch.to_owned()]))
        .with("state", Argument::word("opened"))
        .first(OF_BRANCH)
        .nodes(selection(session, &MERGE_REQUESTS));
    let (purpose, fields) = (Purpose::new(MERGE_REQUESTS.stream, "OfBranch"), open.nodes.clone());
    if let Some(mut page) = all_or_none(session, &purpose, open).await? {
        let told = page.left_out.len();
        gitlab::read_on(session.client, &purpose, MERGE_REQUESTS.kind, &fields, &mut page).await?;
        session.warn_left_out(&path, &page.left_out[told..]);
        map_nodes(session, &MERGE_REQUESTS, page.nodes, rows);
    }
    Ok(())
}

/// All of a list; none if GitLab does not show its project.
async fn all_or_none(session: &Session<'_>, purpose: &Purpose, list: Connection) -> Result<Option<Page>, Error> {
    let name = list.owner.name();
    match gitlab::all(session.client, purpose, list).await {
        Ok(page) => {
            session.warn_left_out(&name, &page.left_out);
            Ok(Some(page))
        }
        Err(gitlab::Error::ScopeNotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}
