//! Lists of merge requests and of issues: by time of update, so that a row changed meanwhile comes again
//! at the end.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::connection::nodes_of;
use super::context::{Context, lock};
use super::list_pages::{Reading, Which};
use super::passes::Step;
use super::position::{Lane, Position};
use super::rows::Rows;
use super::{Error, Scope, lanes, notes, several};
use crate::streams::{Node, Source, number_of};

/// GitLab serves no more nodes of a list within a node; a longer one is not known to be whole.
const LONGEST_INNER_LIST: usize = 100;

/// A list that is read by time of update.
pub struct List {
    /// The stream of its rows.
    pub stream: &'static str,
    /// GitLab's field of groups and projects.
    pub field: &'static str,
    /// GitLab's field for one of them by its id.
    pub single: &'static str,
    /// The column that names one of them in what belongs to it.
    pub column: &'static str,
    /// The stream of notes on its rows.
    pub notes: &'static str,
    /// Names its queries in GitLab's logs.
    pub operation: &'static str,
}

pub const MERGE_REQUESTS: List = List {
    stream: "merge_requests",
    field: "mergeRequests",
    single: "mergeRequest",
    column: "merge_request_id",
    notes: "mr_notes",
    operation: "MergeRequests",
};

pub const ISSUES: List = List {
    stream: "issues",
    field: "issues",
    single: "issue",
    column: "issue_id",
    notes: "issue_notes",
    operation: "Issues",
};

/// Reads the next pages of changed rows, with all that belongs to them.
pub async fn step<'a>(
    context: &Context<'a>,
    list: &'static List,
    scope: &Scope,
    position: &Position,
) -> Result<Step<'a>, Error> {
    let unchanged = || lock(&context.unchanged).contains(&(list.stream, scope.to_string()));
    if position.pass.is_none() && unchanged() {
        let mut pass = position.pass_from(context.instance.at);
        pass.listed = true;
        return Ok(Step {
            rows: Rows::default(),
            next: position.advanced(pass, context.options.overlap),
        });
    }
    let reading = Reading {
        context,
        list,
        which: Which::Updated,
        scope,
    };
    next(reading, position, context.options.overlap).await
}

/// Reads the next pages of open rows, changed or not: what GitLab changes without a new time of update
/// (approval rules, merge status, deleted notes) is seen in this way.
pub async fn refresh_step<'a>(
    context: &Context<'a>,
    list: &'static List,
    scope: &Scope,
    position: &Position,
) -> Result<Step<'a>, Error> {
    let reading = Reading {
        context,
        list,
        which: Which::Open,
        scope,
    };
    next(reading, position, Duration::ZERO).await
}

async fn next<'a>(reading: Reading<'_, 'a>, position: &Position, overlap: Duration) -> Result<Step<'a>, Error> {
    let context = reading.context;
    let mut pass = position.pass_from(context.instance.at);
    let mut rows = Rows::default();
    match reading.scope {
        Scope::Projects(projects) => several::next(reading, projects, position, &mut pass, &mut rows).await?,
        Scope::Group(_) => {
            if pass.lanes.is_empty() {
                let since = position.updated_after.or(context.options.start_date);
                pass.lanes.push(Lane {
                    from: since.filter(|_| reading.which == Which::Updated),
                    ..Lane::default()
                });
            }
            lanes::next(reading, &mut pass, &mut rows).await?;
            pass.listed = pass.lanes.is_empty();
        }
    }
    Ok(Step {
        rows,
        next: position.advanced(pass, overlap),
    })
}

/// Adds rows, what stands within their nodes, and their first notes.
pub fn take<'a>(context: &Context<'a>, list: &'static List, nodes: Vec<Json>, rows: &mut Rows<'a>) {
    let stream = context.streams.named(list.stream);
    let inner: Vec<_> = context
        .streams
        .within(list.stream)
        .filter(|(stream, _)| context.on(stream.name()))
        .collect();
    for mut node in nodes {
        rows.map(stream, &node);
        let Some(id) = node["id"].as_str().and_then(number_of) else {
            continue;
        };
        let parent = json!({"id": node["id"], "projectId": node["projectId"]});
        for (stream, at) in &inner {
            let (mut below, whole) = match node[*at].take() {
                // A plain list is never cut.
                Json::Array(below) => (below, true),
                mut connection => {
                    let told = connection.is_object();
                    let below = nodes_of(&mut connection);
                    let whole = told && below.len() < LONGEST_INNER_LIST;
                    (below, whole)
                }
            };
            for child in &mut below {
                child["_parent"] = parent.clone();
                rows.map(stream, child);
            }
            if whole {
                rows.whole(stream, id);
            }
        }
        if context.on(list.notes) {
            notes::take(context, list, node, rows);
        }
    }
}

/// What is asked of each node: the stream's fields, those of the streams within, and the first notes.
pub fn selection(context: &Context<'_>, list: &'static List) -> String {
    let mut fields = context.selection(context.streams.named(list.stream));
    for stream in context.streams.all().filter(|stream| context.on(stream.name())) {
        if let Source::Within { of, ask, .. } = stream.source
            && of == list.stream
            && !ask.is_empty()
        {
            fields.push_str(&format!(" {ask}"));
        }
    }
    if context.on(list.notes) {
        fields.push_str(&format!(
            " {}",
            notes::selection(context, list, &format!("first: {}", context.notes_inside))
        ));
    }
    fields
}

/// The full path of the project that a node belongs to.
pub fn path_of(context: &Context<'_>, node: &Json) -> Option<String> {
    if let Some(path) = node["project"]["fullPath"].as_str() {
        return Some(path.to_owned());
    }
    let id = Node::new(node).number("projectId")?;
    if let Some(path) = lock(&context.paths).get(&id) {
        return Some(path.clone());
    }
    let (address, _) = node["webUrl"].as_str()?.split_once("/-/")?;
    let path = url::Url::parse(address).ok()?.path().trim_matches('/').to_owned();
    Some(path)
}
