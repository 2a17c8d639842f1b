//! Rows of a list that are asked for by their numbers, because something else names them: a pipeline, a
//! webhook, or a look at what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::gitlab::{LARGEST_PAGE, PageSize, Parts, next_of, nodes_of};
use crate::streams::merge_request_iid;
use crate::sync::error::Error;
use crate::sync::list::{ISSUES, List, MERGE_REQUESTS};
use crate::sync::read::nodes::{map_nodes, selection};
use crate::sync::rows::Rows;
use crate::sync::session::Session;

/// Merge requests of one branch in one request: there is hardly ever more than one.
const OF_BRANCH: u32 = 20;
/// Rows in one request.
const AT_ONCE: usize = 50;

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
pub async fn add<'a>(
    session: &Session<'a>,
    list: &'static List,
    wanted: &Wanted,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let query = format!(
        "query ByIids($path: ID!, $iids: [String!]) {{ project(fullPath: $path) {{ {}(iids: $iids) {{ nodes {{ {} }} }} }} }}",
        list.field,
        selection(session, list)
    );
    for (path, iids) in wanted {
        let iids: Vec<String> = iids.iter().map(i64::to_string).collect();
        let mut parts = Parts::of(&iids, AT_ONCE);
        while let Some(part) = parts.next() {
            let variables = json!({"path": path, "iids": part});
            match session.client.ask(list.stream, &query, variables).await {
                Ok(mut reply) => map_nodes(session, list, nodes_of(&mut reply.data["project"][list.field]), rows),
                Err(error) => parts.halve(part, error)?,
            }
        }
    }
    Ok(())
}

/// Adds the merge requests of these pipelines, given as GitLab sent them with `_path`, their project's
/// path. GitLab does not move a merge request's `updated_at` for a pipeline.
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
pub async fn refetch<'a>(session: &Session<'a>, wanted: &[Refetch], rows: &mut Rows<'a>) -> Result<(), Error> {
    let (mut merge_requests, mut issues) = (Wanted::new(), Wanted::new());
    let (mut commits, mut branches) = (BTreeSet::new(), BTreeSet::new());
    for hint in wanted {
        let path = || hint.project.clone();
        if !hint.merge_requests.is_empty() {
            merge_requests.entry(path()).or_default().extend(&hint.merge_requests);
        }
        if !hint.issues.is_empty() && session.on("issues") {
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
    if !session.on("pipelines") {
        return Ok(());
    }
    let stream = session.streams.named("pipelines");
    let query = format!(
        "query PipelinesOf($path: ID!, $sha: String!, $first: Int!, $after: String) {{ project(fullPath: $path) {{ id pipelines(sha: $sha, first: $first, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
        session.selection(stream)
    );
    let size = PageSize::new(LARGEST_PAGE);
    let mut pipelines = Vec::new();
    let mut after = None;
    loop {
        let variables = json!({"path": path, "sha": sha, "after": after});
        let mut reply = session.ask_page("pipelines", &query, variables, &size).await?;
        let mut project = reply.data["project"].take();
        for mut pipeline in nodes_of(&mut project["pipelines"]) {
            pipeline["_parent"] = json!({"id": project["id"]});
            pipeline["_path"] = json!(path);
            rows.map(stream, &pipeline);
            pipelines.push(pipeline);
        }
        after = next_of(&project["pipelines"]);
        if after.is_none() {
            break;
        }
    }
    add_of_pipelines(session, &pipelines, rows).await
}

/// The open merge requests of a branch that was pushed to.
async fn add_of_branch<'a>(session: &Session<'a>, path: &str, branch: &str, rows: &mut Rows<'a>) -> Result<(), Error> {
    let query = format!(
        "query OfBranch($path: ID!, $branches: [String!], $first: Int!, $after: String) {{ project(fullPath: $path) {{ mergeRequests(sourceBranches: $branches, state: opened, first: $first, after: $after) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
        selection(session, &MERGE_REQUESTS)
    );
    let size = PageSize::new(OF_BRANCH);
    let mut after = None;
    loop {
        let variables = json!({"path": path, "branches": [branch], "after": after});
        let mut reply = session.ask_page("merge_requests", &query, variables, &size).await?;
        let mut found = reply.data["project"]["mergeRequests"].take();
        map_nodes(session, &MERGE_REQUESTS, nodes_of(&mut found), rows);
        after = next_of(&found);
        if after.is_none() {
            return Ok(());
        }
    }
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}
