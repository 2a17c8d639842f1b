//! The pass over merge requests: by time of update, so that a row changed meanwhile comes again at the end.

use serde_json::{Value as Json, json};
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::engine::Step;
use super::position::Position;
use super::rows::Rows;
use super::{Scope, notes, users};
use crate::gitlab;

/// Reads the next page of changed merge requests, with their notes and users.
pub async fn step(context: &Context<'_>, scope: &Scope, position: &Position) -> Result<Step, gitlab::Error> {
    let mut pass = position.pass_from(context.instance.at);
    let updated_after = position.updated_after.and_then(|at| at.format(&Rfc3339).ok());
    let query = query(context, scope);
    let mut page = loop {
        let first = context.merge_request_page.get();
        let variables =
            json!({"path": scope.path(), "first": first, "after": pass.after, "updatedAfter": updated_after});
        match context.inner.client.ask("merge_requests", &query, variables).await {
            Ok(mut reply) => break reply.data["scope"].take(),
            Err(error) if context.merge_request_page.shrink(&error) => {}
            Err(error) => return Err(error),
        }
    };
    if page.is_null() {
        return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
    }
    context.merge_request_page.grow();
    let mut connection = page["mergeRequests"].take();
    // Rows that this token may not see are taken out after the page was cut: a short page, even an
    // empty one, says nothing about the end.
    let info = connection["pageInfo"].take();
    pass.listed = info["hasNextPage"] != true;
    if let Some(end) = info["endCursor"].as_str() {
        pass.after = Some(end.to_owned());
    }
    let nodes = nodes_of(&mut connection);
    let mut rows = Rows::default();
    for node in &nodes {
        rows.map(&context.inner.streams.merge_requests, node);
    }
    notes::add(context, &nodes, &mut rows).await?;
    users::add(context, &mut rows).await?;
    Ok(Step {
        rows,
        next: position.advanced(pass, context.inner.config.overlap),
    })
}

/// The fields of a merge request that this GitLab has.
pub fn selection(context: &Context<'_>) -> String {
    let fields = &context.instance.merge_request_fields;
    context
        .inner
        .streams
        .merge_requests
        .selection(|name| fields.contains(name))
}

/// A connection's nodes, without those that are null.
pub fn nodes_of(connection: &mut Json) -> Vec<Json> {
    match connection["nodes"].take() {
        Json::Array(nodes) => nodes.into_iter().filter(|node| !node.is_null()).collect(),
        _ => Vec::new(),
    }
}

fn query(context: &Context<'_>, scope: &Scope) -> String {
    let (root, below) = match scope {
        Scope::Group(_) => ("group", "includeSubgroups: true, includeArchived: true, "),
        Scope::Project(_) => ("project", ""),
    };
    format!(
        "query MergeRequests($path: ID!, $first: Int!, $after: String, $updatedAfter: Time) {{ \
         scope: {root}(fullPath: $path) {{ id mergeRequests({below}first: $first, after: $after, updatedAfter: $updatedAfter, sort: UPDATED_ASC) {{ \
         pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
        selection(context)
    )
}
