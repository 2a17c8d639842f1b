//! The pass over merge requests: by time of update, so that a row changed meanwhile comes again at the end.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::Context;
use super::engine::Step;
use super::position::Position;
use super::rows::Rows;
use super::{Scope, hidden, notes, users};
use crate::gitlab;

/// Which merge requests to list, in the order of their updates.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// GitLab's cursor.
    pub after: Option<String>,
    /// Inclusive; GitLab takes fractions of seconds although it prints none.
    pub updated_after: Option<OffsetDateTime>,
    /// Inclusive.
    pub updated_before: Option<OffsetDateTime>,
}

/// A page of merge requests.
pub struct Page {
    pub nodes: Vec<Json>,
    pub has_next: bool,
    pub end: Option<String>,
}

impl Page {
    /// Whether GitLab says that there is more, but not where. It takes rows that the token may not see
    /// out of a page after cutting it; from an empty page it makes no cursor.
    pub fn is_dead_end(&self) -> bool {
        self.has_next && self.end.is_none()
    }
}

/// Reads the next page of changed merge requests, with their notes and users.
pub async fn step(context: &Context<'_>, scope: &Scope, position: &Position) -> Result<Step, gitlab::Error> {
    let mut pass = position.pass_from(context.instance.at);
    let window = Window {
        after: pass.after.clone(),
        updated_after: pass.read_until.or(position.updated_after),
        updated_before: None,
    };
    let mut page = fetch(context, scope, &window).await?;
    if page.is_dead_end() {
        (page, pass.read_until) = hidden::pass_by(context, scope, &window, &pass).await?;
    }
    pass.listed = !page.has_next;
    pass.after = page.end;
    let mut rows = Rows::default();
    for node in &page.nodes {
        rows.map(&context.inner.streams.merge_requests, node);
    }
    notes::add(context, &page.nodes, &mut rows).await?;
    users::add(context, &mut rows).await?;
    Ok(Step {
        rows,
        next: position.advanced(pass, context.inner.config.overlap),
    })
}

/// Asks for one page; a smaller one if GitLab finds it too much.
pub async fn fetch(context: &Context<'_>, scope: &Scope, window: &Window) -> Result<Page, gitlab::Error> {
    let text = |at: Option<OffsetDateTime>| at.and_then(|at| at.format(&Rfc3339).ok());
    let query = query(context, scope);
    let mut found = loop {
        let variables = json!({
            "path": scope.path(),
            "first": context.merge_request_page.get(),
            "after": window.after,
            "updatedAfter": text(window.updated_after),
            "updatedBefore": text(window.updated_before),
        });
        match context.inner.client.ask("merge_requests", &query, variables).await {
            Ok(mut reply) => break reply.data["scope"].take(),
            Err(error) if context.merge_request_page.shrink(&error) => {}
            Err(error) => return Err(error),
        }
    };
    if found.is_null() {
        return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
    }
    context.merge_request_page.grow();
    let mut connection = found["mergeRequests"].take();
    let info = connection["pageInfo"].take();
    Ok(Page {
        nodes: nodes_of(&mut connection),
        has_next: info["hasNextPage"] == true,
        end: info["endCursor"].as_str().map(ToOwned::to_owned),
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
        "query MergeRequests($path: ID!, $first: Int!, $after: String, $updatedAfter: Time, $updatedBefore: Time) {{ \
         scope: {root}(fullPath: $path) {{ id mergeRequests({below}first: $first, after: $after, \
         updatedAfter: $updatedAfter, updatedBefore: $updatedBefore, sort: UPDATED_ASC) {{ \
         pageInfo {{ hasNextPage endCursor }} nodes {{ {} }} }} }} }}",
        selection(context)
    )
}
