//! Rows of a list that are asked for by their numbers, because something else names them: a pipeline, a
//! webhook, or a look at what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::Error;
use super::connection::nodes_of;
use super::context::Context;
use super::lists::{List, MERGE_REQUESTS, selection, take};
use super::page_size::Parts;
use super::rows::Rows;
use crate::streams::merge_request_iid;

/// Rows in one request.
const AT_ONCE: usize = 50;

/// Numbers by project's path.
pub type Wanted = BTreeMap<String, BTreeSet<i64>>;

/// Adds the rows with these numbers, and all that belongs to them. Numbers that GitLab does not show are
/// passed over.
pub async fn add<'a>(
    context: &Context<'a>,
    list: &'static List,
    wanted: &Wanted,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let query = format!(
        "query ByIids($path: ID!, $iids: [String!]) {{ project(fullPath: $path) {{ {}(iids: $iids) {{ nodes {{ {} }} }} }} }}",
        list.field,
        selection(context, list)
    );
    for (path, iids) in wanted {
        let iids: Vec<String> = iids.iter().map(i64::to_string).collect();
        let mut parts = Parts::of(&iids, AT_ONCE);
        while let Some(part) = parts.next() {
            let variables = json!({"path": path, "iids": part});
            match context.client.ask(list.stream, &query, variables).await {
                Ok(mut reply) => take(context, list, nodes_of(&mut reply.data["project"][list.field]), rows),
                Err(error) => parts.halve(part, error)?,
            }
        }
    }
    Ok(())
}

/// Adds the merge requests of these pipelines, given as GitLab sent them with `_path`, their project's
/// path. GitLab does not move a merge request's `updated_at` for a pipeline.
pub async fn add_of_pipelines<'a>(context: &Context<'a>, pipelines: &[Json], rows: &mut Rows<'a>) -> Result<(), Error> {
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
    for (path, iid) in context.sink.with_heads(&shas).await? {
        wanted.entry(path).or_default().insert(iid);
    }
    add(context, &MERGE_REQUESTS, &wanted, rows).await
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}
