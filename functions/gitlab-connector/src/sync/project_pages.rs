//! Pages of the list of projects: a group's, or parts of those that are named one by one.

use serde_json::{Value as Json, json};

use super::connection::nodes_of;
use super::context::Context;
use super::list_pages::text_of;
use super::position::{Pass, Position};
use super::{Scope, list_pages};
use crate::gitlab;
use crate::streams::gid;

/// Pages in one request: each costs about 60 of GitLab's 250.
const PAGES_AT_ONCE: usize = 4;

/// A page of the list. Of projects that are named one by one, `after` and `end` are the ids before and at its end.
pub struct Page {
    pub nodes: Vec<Json>,
    pub after: Option<String>,
    pub end: Option<String>,
    pub has_next: bool,
}

/// Reads as many pages as are known to follow each other, and returns those that do.
pub async fn next_pages(
    context: &Context<'_>,
    scope: &Scope,
    position: &Position,
    pass: &Pass,
) -> Result<Vec<Page>, gitlab::Error> {
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
        let size = context.page("projects");
        let asked = size.get();
        match ask(context, scope, position, &starts, asked).await {
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
            Err(error) => return Err(error),
        }
    }
}

async fn ask(
    context: &Context<'_>,
    scope: &Scope,
    position: &Position,
    starts: &[Option<String>],
    first: u32,
) -> Result<Vec<Page>, gitlab::Error> {
    let mut node = context.selection(context.streams.named("projects"));
    let mut variables = json!({"first": first});
    let mut declared = "$first: Int!".to_owned();
    if context.on("pipelines") {
        let since = position.updated_after.or(context.options.start_date);
        node.push_str(" pipelines(updatedAfter: $since, first: 1) { nodes { id } }");
        declared.push_str(", $since: Time");
        variables["since"] = json!(since.map(text_of));
    }
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
            let query = format!("query Projects({declared}) {{ scope: group(fullPath: $path) {{ id {fields} }} }}");
            let mut reply = context.client.ask("projects", &query, variables).await?;
            let mut found = reply.data["scope"].take();
            if found.is_null() {
                return Err(gitlab::Error::ScopeNotFound(scope.to_string()));
            }
            let page = |(index, after): (usize, &Option<String>)| {
                let list_pages::Page { nodes, has_next, end } = list_pages::Page::of(&mut found[format!("p{index}")]);
                Page {
                    nodes,
                    after: after.clone(),
                    end,
                    has_next,
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
                    nodes: Vec::new(),
                    after: after.clone(),
                    end: ids.last().map(i64::to_string),
                    has_next,
                });
            }
            if pages.is_empty() {
                // Those that were left have gone since an earlier sync came this far.
                return Ok(vec![Page {
                    nodes: Vec::new(),
                    after: starts.first().cloned().flatten(),
                    end: None,
                    has_next: false,
                }]);
            }
            let query = format!("query ProjectsByIds({declared}) {{ {fields} }}");
            let mut reply = context.client.ask("projects", &query, variables).await?;
            for (index, page) in pages.iter_mut().enumerate() {
                page.nodes = nodes_of(&mut reply.data[format!("p{index}")]);
            }
            Ok(pages)
        }
    }
}
