//! Pages of the list of projects: a group's, or parts of those that are named one by one.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::gitlab::{self, LARGEST_PAGE, Parts, gid, nodes_of, text_of};
use crate::sync::error::Error;
use crate::sync::read::{list_request, scope_ids};
use crate::sync::scope::Scope;
use crate::sync::session::Session;
use crate::sync::state::{Pass, Position};

/// Pages in one request: each costs about 60 of GitLab's 250.
const PAGES_AT_ONCE: usize = 4;
/// Projects that may fail alone. Where there are more of them it is the list that fails, and each failure takes long.
const MOST_FAILING: usize = 5;

/// A page of the list. Of projects that are named one by one, `after` and `end` are the ids before and at its end.
#[derive(Default)]
pub struct Page {
    pub nodes: Vec<Json>,
    /// Projects at which GitLab fails, by id, with their full paths.
    pub failing: BTreeMap<i64, String>,
    pub after: Option<String>,
    pub end: Option<String>,
    pub has_next: bool,
}

/// Reads as many pages as are known to follow each other, and returns those that do.
pub async fn next_pages(
    session: &Session<'_>,
    scope: &Scope,
    position: &Position,
    pass: &Pass,
) -> Result<Vec<Page>, Error> {
    let mut at_once = PAGES_AT_ONCE;
    loop {
        let place = position.pages.iter().position(|page| page.after == pass.after);
        let starts: Vec<Option<String>> = match place {
            Some(place) => position.pages[place..]
                .iter()
                .take(at_once)
                .map(|page| page.after.clone())
                .collect(),
            None => vec![pass.after.clone()],
        };
        let size = session.page("projects");
        let asked = size.get();
        match ask(session, scope, position, &starts, asked).await {
            Ok(mut pages) => {
                size.grow();
                let follow = pages
                    .windows(2)
                    .take_while(|pair| pair[0].has_next && pair[0].end == pair[1].after);
                let whole = follow.count() + 1;
                pages.truncate(whole);
                return Ok(pages);
            }
            Err(gitlab::Error::TooComplex(_) | gitlab::Error::TooMuch(_)) if starts.len() > 1 => {
                at_once = starts.len() / 2;
            }
            Err(error) if size.shrink(asked, &error) => {}
            Err(error) if !may_be_of_one(&error) || session.concerns_all_of_gitlab(&error).await => {
                return Err(error.into());
            }
            Err(error) => {
                tracing::warn!(%scope, "{error}; asking for each project by its id");
                return Ok(vec![around_failing(session, scope, position, pass).await?]);
            }
        }
    }
}

/// All that is left of the list, but for those projects at which GitLab fails.
async fn around_failing(session: &Session<'_>, scope: &Scope, position: &Position, pass: &Pass) -> Result<Page, Error> {
    let paths = scope_ids::projects_of(session, scope).await?;
    let ids: Vec<i64> = match scope {
        Scope::Group(_) => paths.keys().copied().collect(),
        Scope::Projects(projects) => projects.after(pass.after.as_deref(), usize::MAX).0,
    };
    let (node, declared, variables) = of_each(session, position);
    let query = format!(
        "query ProjectsByIds($first: Int!, $ids: [ID!]{declared}) {{ projects(ids: $ids, first: $first) {{ nodes {{ {node} }} }} }}"
    );
    let mut page = Page {
        after: pass.after.clone(),
        ..Page::default()
    };
    let mut parts = Parts::of(&ids, LARGEST_PAGE as usize);
    while let Some(part) = parts.next() {
        let gids: Vec<String> = part.iter().map(|id| gid("Project", *id)).collect();
        let mut variables = variables.clone();
        (variables["first"], variables["ids"]) = (json!(part.len()), json!(gids));
        match session.client.ask("projects", &query, variables).await {
            Ok(mut reply) => page.nodes.extend(nodes_of(&mut reply.data["projects"])),
            Err(error) if !may_be_of_one(&error) || session.concerns_all_of_gitlab(&error).await => {
                return Err(error.into());
            }
            // A tenth at a time: GitLab is slow to fail, and to find one project takes three failures.
            Err(_) if part.len() > 1 => parts.split(part, part.len().div_ceil(10)),
            Err(error) if page.failing.len() == MOST_FAILING => return Err(error.into()),
            Err(error) => {
                let path = &paths[&part[0]];
                session.warn(scope, &format!("project {path}"), &error.into());
                page.failing.insert(part[0], path.clone());
            }
        }
    }
    Ok(page)
}

/// Whether GitLab may fail so because of one project among those that were asked for.
fn may_be_of_one(error: &gitlab::Error) -> bool {
    matches!(error, gitlab::Error::TooMuch(_) | gitlab::Error::Unavailable(_))
}

/// What is asked of each project: its row, and whether it has pipelines that changed. With the declarations after
/// others and the variables that this needs.
fn of_each(session: &Session<'_>, position: &Position) -> (String, String, Json) {
    let mut node = session.selection(session.streams.named("projects"));
    if !session.on("pipelines") {
        return (node, String::new(), json!({}));
    }
    let since = position.updated_after.or(session.options.start_date);
    node.push_str(" pipelines(updatedAfter: $since, first: 1) { nodes { id } }");
    (node, ", $since: Time".to_owned(), json!({"since": since.map(text_of)}))
}

async fn ask(
    session: &Session<'_>,
    scope: &Scope,
    position: &Position,
    starts: &[Option<String>],
    first: u32,
) -> Result<Vec<Page>, gitlab::Error> {
    let (node, mut declared, mut variables) = of_each(session, position);
    variables["first"] = json!(first);
    match scope {
        Scope::Group(path) => {
            declared.push_str(", $path: ID!");
            variables["path"] = json!(path);
            let mut fields = String::new();
            for (index, after) in starts.iter().enumerate() {
                declared.push_str(&format!(", $c{index}: String"));
                variables[format!("c{index}")] = json!(after);
                fields.push_str(&format!(
                    "p{index}: projects(includeSubgroups: true, includeArchived: true, first: $first, after: $c{index}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} "
                ));
            }
            let query =
                format!("query Projects($first: Int!{declared}) {{ scope: group(fullPath: $path) {{ id {fields} }} }}");
            let mut reply = session.client.ask("projects", &query, variables).await?;
            let mut found = reply.data["scope"].take();
            if found.is_null() {
                return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
            }
            let page = |(index, after): (usize, &Option<String>)| {
                let list_request::Page { nodes, has_next, end } =
                    list_request::Page::of(&mut found[format!("p{index}")]);
                Page {
                    nodes,
                    after: after.clone(),
                    end,
                    has_next,
                    ..Page::default()
                }
            };
            Ok(starts.iter().enumerate().map(page).collect())
        }
        Scope::Projects(projects) => {
            let (mut pages, mut fields) = (Vec::new(), String::new());
            for (index, after) in starts.iter().enumerate() {
                let (ids, has_next) = projects.after(after.as_deref(), first as usize);
                // GitLab takes an empty list of ids for none at all, and would give every project there is.
                if ids.is_empty() {
                    break;
                }
                declared.push_str(&format!(", $i{index}: [ID!]"));
                let gids: Vec<String> = ids.iter().map(|id| gid("Project", *id)).collect();
                variables[format!("i{index}")] = json!(gids);
                fields.push_str(&format!(
                    "p{index}: projects(ids: $i{index}, first: $first) {{ nodes {{ {node} }} }} "
                ));
                pages.push(Page {
                    after: after.clone(),
                    end: ids.last().map(i64::to_string),
                    has_next,
                    ..Page::default()
                });
            }
            if pages.is_empty() {
                // Those that were left have gone since an earlier sync came this far.
                return Ok(vec![Page {
                    after: starts.first().cloned().flatten(),
                    ..Page::default()
                }]);
            }
            let query = format!("query ProjectsByIds($first: Int!{declared}) {{ {fields} }}");
            let mut reply = session.client.ask("projects", &query, variables).await?;
            for (index, page) in pages.iter_mut().enumerate() {
                page.nodes = nodes_of(&mut reply.data[format!("p{index}")]);
            }
            Ok(pages)
        }
    }
}
