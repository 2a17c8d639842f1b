//! Lists of merge requests and of issues: by time of update, so that a row changed meanwhile comes again
//! at the end.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::context::{Context, IDS, lock};
use super::passes::Step;
use super::position::{Lane, Pass, Position};
use super::rows::Rows;
use super::sink::mark_selection;
use super::{Error, Scope, lanes, notes};
use crate::gitlab;
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
    /// The stream of notes on its rows.
    pub notes: &'static str,
    /// Names its queries in GitLab's logs.
    pub operation: &'static str,
}

pub const MERGE_REQUESTS: List = List {
    stream: "merge_requests",
    field: "mergeRequests",
    single: "mergeRequest",
    notes: "mr_notes",
    operation: "MergeRequests",
};

pub const ISSUES: List = List {
    stream: "issues",
    field: "issues",
    single: "issue",
    notes: "issue_notes",
    operation: "Issues",
};

/// Which rows of a list, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those updated within bounds, in the order of their updates.
    Updated,
    /// Those that are open, oldest first.
    Open,
    /// The ids of all that were created since a time, oldest first.
    Ids,
}

/// Bounds of a list, both inclusive; GitLab takes fractions of seconds although it prints none.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// GitLab's cursor.
    pub after: Option<String>,
    /// The lower bound: time of update, or of creation for [`Which::Ids`].
    pub from: Option<OffsetDateTime>,
    /// The upper bound.
    pub until: Option<OffsetDateTime>,
}

/// A page of a list.
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

/// Reads the next pages of changed rows, with all that belongs to them.
pub async fn step<'a>(
    context: &Context<'a>,
    list: &'static List,
    scope: &Scope,
    position: &Position,
) -> Result<Step<'a>, Error> {
    let mut pass = position.pass_from(context.instance.at);
    let mut rows = Rows::default();
    let idle = position.pass.is_none() && lock(&context.unchanged).contains(&(list.stream, scope.to_string()));
    if idle {
        pass.listed = true;
    } else {
        if pass.lanes.is_empty() {
            pass.lanes.push(Lane {
                from: position.updated_after.or(context.options.start_date),
                ..Lane::default()
            });
        }
        lanes::next(context, list, scope, &mut pass, &mut rows).await?;
    }
    Ok(Step {
        rows,
        next: position.advanced(pass, context.options.overlap),
    })
}

/// Reads the next page of open rows, changed or not: what GitLab changes without a new time of update
/// (approval rules, merge status, deleted notes) is seen in this way.
pub async fn refresh_step<'a>(
    context: &Context<'a>,
    list: &'static List,
    scope: &Scope,
    position: &Position,
) -> Result<Step<'a>, Error> {
    let mut pass = position.pass_from(context.instance.at);
    let mut rows = Rows::default();
    next_open(context, list, scope, &mut pass, &mut rows).await?;
    Ok(Step {
        rows,
        next: position.advanced(pass, std::time::Duration::ZERO),
    })
}

async fn next_open<'a>(
    context: &Context<'a>,
    list: &'static List,
    scope: &Scope,
    pass: &mut Pass,
    rows: &mut Rows<'a>,
) -> Result<(), Error> {
    let window = Window {
        after: pass.after.clone(),
        ..Window::default()
    };
    let page = fetch(context, list, Which::Open, scope, &window).await?;
    // Beyond a page that is hidden whole there is no way in this order; those rows wait for a change.
    pass.listed = !page.has_next || page.is_dead_end();
    pass.after = page.end;
    take(context, list, page.nodes, rows);
    Ok(())
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

/// Asks for one page; a smaller one if GitLab finds it too much.
pub async fn fetch(
    context: &Context<'_>,
    list: &'static List,
    which: Which,
    scope: &Scope,
    window: &Window,
) -> Result<Page, gitlab::Error> {
    let text = |at: Option<OffsetDateTime>| at.map(text_of);
    let query = query(context, list, which, scope);
    let mut variables = json!({"path": scope.path(), "after": window.after});
    if which != Which::Open {
        variables["from"] = json!(text(window.from));
        variables["until"] = json!(text(window.until));
    }
    let size = context.page(page_of(list, which));
    let mut reply = context.ask_page(list.stream, &query, variables, size).await?;
    let mut found = reply.data["scope"].take();
    if found.is_null() {
        return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
    }
    let mut connection = found[list.field].take();
    let info = connection["pageInfo"].take();
    Ok(Page {
        nodes: nodes_of(&mut connection),
        has_next: info["hasNextPage"] == true,
        end: info["endCursor"].as_str().map(ToOwned::to_owned),
    })
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

/// A connection's nodes, without those that are null.
pub fn nodes_of(connection: &mut Json) -> Vec<Json> {
    match connection.get_mut("nodes").map(Json::take) {
        Some(Json::Array(nodes)) => nodes.into_iter().filter(|node| !node.is_null()).collect(),
        _ => Vec::new(),
    }
}

/// Where a connection goes on; `None` at its end.
pub fn next_of(connection: &Json) -> Option<String> {
    let info = &connection["pageInfo"];
    let end = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true)?;
    Some(end.to_owned())
}

/// A time as GitLab takes it.
pub fn text_of(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).expect("years after 0 have a form")
}

/// How many rows to ask for at once.
pub fn first(context: &Context<'_>, list: &'static List, which: Which) -> u32 {
    context.page(page_of(list, which)).get()
}

/// Whose page size counts: ids alone cost GitLab little.
fn page_of(list: &'static List, which: Which) -> &'static str {
    if which == Which::Ids { IDS } else { list.stream }
}

/// The field of a scope, and what lists below it are asked with.
pub fn root_of(scope: &Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::Group(_) => ("group", "includeSubgroups: true, includeArchived: true, "),
        Scope::Project(_) => ("project", ""),
    }
}

/// The arguments that bound and sort a list.
pub fn bounds(which: Which, from: &str, until: &str) -> String {
    match which {
        Which::Updated => format!("updatedAfter: {from}, updatedBefore: {until}, sort: UPDATED_ASC"),
        Which::Ids => format!("createdAfter: {from}, createdBefore: {until}, sort: CREATED_ASC"),
        Which::Open => "state: opened, sort: CREATED_ASC".into(),
    }
}

fn query(context: &Context<'_>, list: &'static List, which: Which, scope: &Scope) -> String {
    let (root, below) = root_of(scope);
    let bounds = bounds(which, "$from", "$until");
    let declared = if which == Which::Open {
        ""
    } else {
        ", $from: Time, $until: Time"
    };
    let (name, node) = match which {
        Which::Updated => ("", selection(context, list)),
        Which::Open => ("Open", selection(context, list)),
        Which::Ids => (
            "IdsOf",
            format!("id iid projectId createdAt updatedAt {}", mark_selection(list.stream)),
        ),
    };
    format!(
        "query {name}{}($path: ID!, $first: Int!, $after: String{declared}) {{ \
         scope: {root}(fullPath: $path) {{ id {}({below}first: $first, after: $after, {bounds}) {{ \
         pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} }} }}",
        list.operation, list.field,
    )
}
