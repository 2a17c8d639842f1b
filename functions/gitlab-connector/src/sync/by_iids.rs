//! Merge requests that a changed pipeline belongs to. GitLab does not move a merge request's
//! `updated_at` for a pipeline, so these are read because of the pipeline.

use std::collections::{BTreeMap, BTreeSet};

use mergemind_shared::warehouse::{self, ResultRow, Warehouse};
use serde_json::{Value as Json, json};

use super::Error;
use super::context::Context;
use super::merge_requests::{nodes_of, selection};
use super::rows::Rows;
use crate::streams::merge_request_iid;

/// Merge requests in one request.
const AT_ONCE: usize = 50;

/// Adds the merge requests of these pipelines, given as GitLab sent them with `_path`, their project's path.
pub async fn add_of_pipelines(context: &Context<'_>, pipelines: &[Json], rows: &mut Rows) -> Result<(), Error> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut shas = BTreeSet::new();
    for pipeline in pipelines {
        let Some(path) = pipeline["_path"].as_str() else {
            continue;
        };
        match pipeline["ref"].as_str().and_then(merge_request_iid) {
            Some(iid) => {
                wanted.entry(path.to_owned()).or_default().insert(iid.to_string());
            }
            None => shas.extend(
                pipeline["sha"]
                    .as_str()
                    .filter(|sha| is_hexadecimal(sha))
                    .map(ToOwned::to_owned),
            ),
        }
    }
    for (path, iid) in by_head_sha(&context.inner.warehouse, &shas).await? {
        wanted.entry(path).or_default().insert(iid.to_string());
    }
    let query = format!(
        "query MergeRequestsByIids($path: ID!, $iids: [String!]) {{ project(fullPath: $path) {{ mergeRequests(iids: $iids) {{ nodes {{ {} }} }} }} }}",
        selection(context)
    );
    for (path, iids) in wanted {
        let iids: Vec<String> = iids.into_iter().collect();
        for iids in iids.chunks(AT_ONCE) {
            let variables = json!({"path": path, "iids": iids});
            let mut reply = context.inner.client.ask("merge_requests", &query, variables).await?;
            for node in nodes_of(&mut reply.data["project"]["mergeRequests"]) {
                rows.map(&context.inner.streams.merge_requests, &node);
            }
        }
    }
    Ok(())
}

/// A branch's pipeline knows only its commit: the raw table tells whose head that is.
async fn by_head_sha(warehouse: &Warehouse, shas: &BTreeSet<String>) -> Result<Vec<(String, i64)>, Error> {
    if shas.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<String> = shas.iter().map(|sha| format!("'{sha}'")).collect();
    let sql = format!(
        "SELECT p.full_path, m.iid FROM {} m JOIN {} p ON p.id = m.project_id WHERE m.head_sha IN ({})",
        warehouse.name_of("merge_requests"),
        warehouse.name_of("projects"),
        list.join(", ")
    );
    let rows = warehouse.query(sql).await?;
    Ok(rows
        .into_iter()
        .map(path_and_iid)
        .collect::<Result<_, warehouse::Error>>()?)
}

fn path_and_iid(row: ResultRow) -> Result<(String, i64), warehouse::Error> {
    Ok((row.get("full_path")?, row.get("iid")?))
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}
