//! Pages of a list of merge requests or issues: how GitLab is asked for them.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use crate::gitlab::{self, gid, nodes_of, text_of};
use crate::sync::list::List;
use crate::sync::raw_tables::fingerprint_selection;
use crate::sync::read::nodes::selection;
use crate::sync::scope::Scope;
use crate::sync::session::{IDS, Session};

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
    /// From a connection.
    pub fn of(connection: &mut Json) -> Self {
        let info = connection.get_mut("pageInfo").map(Json::take).unwrap_or_default();
        Self {
            nodes: nodes_of(connection),
            has_next: info["hasNextPage"] == true,
            end: info["endCursor"].as_str().map(ToOwned::to_owned),
        }
    }

    /// Whether GitLab says that there is more, but not where. It takes rows that the token may not see
    /// out of a page after cutting it; from an empty page it makes no cursor.
    pub fn is_dead_end(&self) -> bool {
        self.has_next && self.end.is_none()
    }
}

/// Which list is read, and for whom.
#[derive(Clone, Copy)]
pub struct Reading<'r, 'a> {
    pub session: &'r Session<'a>,
    pub list: &'static List,
    pub which: Which,
    pub scope: &'r Scope,
}

/// Whose list it is.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'p> {
    /// All that is below a group, by its full path.
    Group(&'p str),
    /// One project's, by its id, which never changes.
    Project(i64),
}

impl Whose<'_> {
    /// What names it in a query's variables, where it is `$of`.
    pub fn value(self) -> String {
        match self {
            Self::Group(path) => path.to_owned(),
            Self::Project(id) => gid("Project", id),
        }
    }

    /// Part of a query: these fields of it, under the name `scope`.
    pub fn ask(self, fields: &str) -> String {
        match self {
            Self::Group(_) => format!("scope: group(fullPath: $of) {{ id {fields} }}"),
            Self::Project(_) => format!("scope: projects(ids: [$of], first: 1) {{ nodes {{ id {fields} }} }}"),
        }
    }

    /// The answer to that.
    pub fn answer(self, data: &mut Json) -> Result<Json, gitlab::Error> {
        let mut found = data["scope"].take();
        let (found, name) = match self {
            Self::Group(path) => (found, format!("group:{path}")),
            Self::Project(id) => (nodes_of(&mut found).pop().unwrap_or_default(), format!("project:{id}")),
        };
        if found.is_null() {
            return Err(gitlab::Error::ScopeNotFound(name));
        }
        Ok(found)
    }

    /// What its lists are asked with, so that they hold all that is below it.
    pub fn below(self) -> &'static str {
        match self {
            Self::Group(_) => "includeSubgroups: true, includeArchived: true, ",
            Self::Project(_) => "",
        }
    }
}

/// Asks for one page; a smaller one if GitLab finds it too much.
pub async fn fetch(
    session: &Session<'_>,
    list: &'static List,
    which: Which,
    whose: Whose<'_>,
    window: &Window,
) -> Result<Page, gitlab::Error> {
    let query = query(session, list, which, whose);
    let mut variables = variables(which, window);
    variables["of"] = json!(whose.value());
    variables["after"] = json!(window.after);
    let size = session.page(page_of(list, which));
    let mut reply = session.ask_page(list.stream, &query, variables, size).await?;
    let mut found = whose.answer(&mut reply.data)?;
    Ok(Page::of(&mut found[list.field]))
}

/// The variables that bound a list.
pub fn variables(which: Which, window: &Window) -> Json {
    let text = |at: Option<OffsetDateTime>| at.map(text_of);
    match which {
        Which::Open => json!({}),
        Which::Updated | Which::Ids => json!({"from": text(window.from), "until": text(window.until)}),
    }
}

/// How many rows to ask for at once.
pub fn first(session: &Session<'_>, list: &'static List, which: Which) -> u32 {
    session.page(page_of(list, which)).get()
}

/// Whose page size counts: ids alone cost GitLab little.
fn page_of(list: &'static List, which: Which) -> &'static str {
    if which == Which::Ids { IDS } else { list.stream }
}

/// The arguments that bound and sort a list.
pub fn bounds(which: Which, from: &str, until: &str) -> String {
    match which {
        Which::Updated => format!("updatedAfter: {from}, updatedBefore: {until}, sort: UPDATED_ASC"),
        Which::Ids => format!("createdAfter: {from}, createdBefore: {until}, sort: CREATED_ASC"),
        Which::Open => "state: opened, sort: CREATED_ASC".into(),
    }
}

/// The declarations of what bounds a list.
pub fn declared(which: Which) -> &'static str {
    match which {
        Which::Open => "",
        Which::Updated | Which::Ids => ", $from: Time, $until: Time",
    }
}

/// What is asked of each row, and how a query for it is called.
pub fn node(session: &Session<'_>, list: &'static List, which: Which) -> (&'static str, String) {
    match which {
        Which::Updated => ("", selection(session, list)),
        Which::Open => ("Open", selection(session, list)),
        Which::Ids => (
            "IdsOf",
            format!(
                "id iid projectId createdAt updatedAt {}",
                fingerprint_selection(list.stream)
            ),
        ),
    }
}

fn query(session: &Session<'_>, list: &'static List, which: Which, whose: Whose<'_>) -> String {
    let (name, node) = node(session, list, which);
    let connection = format!(
        "{}({}first: $first, after: $after, {}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }}",
        list.field,
        whose.below(),
        bounds(which, "$from", "$until"),
    );
    format!(
        "query {name}{}($of: ID!, $first: Int!, $after: String{}) {{ {} }}",
        list.operation,
        declared(which),
        whose.ask(&connection),
    )
}
