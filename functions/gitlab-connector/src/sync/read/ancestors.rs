//! Labels and milestones inherited from ancestor groups, to which rows of the scope may refer. GitLab does not return
//! their owner; without access to the ancestor they are skipped.

use std::collections::BTreeSet;

use serde_json::json;

use crate::gitlab::{LARGEST_PAGE, PageSize, next_of, nodes_of};
use crate::sync::error::Error;
use crate::sync::read::nodes::{complete, host_of};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;

/// Groups in one request: each costs about 40 of GitLab's 250.
const AT_ONCE: usize = 5;
/// The lists, and what makes them hold those of all groups above.
const LISTS: [(&str, &str); 2] = [
    ("labels", "onlyGroupLabels: true, includeAncestorGroups: true, "),
    ("milestones", "includeAncestors: true, "),
];

/// Adds them.
pub async fn add<'a>(session: &Session<'a>, scope: &Scope, rows: &mut Rows<'a>) -> Result<(), Error> {
    let parents = parents(scope);
    for (list, argument) in LISTS.into_iter().filter(|(list, _)| session.on(list)) {
        let stream = session.streams.named(list);
        let node = session.selection(stream);
        let size = PageSize::new(LARGEST_PAGE);
        let mut wanted: Vec<(String, Option<String>)> = parents.iter().map(|path| (path.clone(), None)).collect();
        while !wanted.is_empty() {
            let now: Vec<(String, Option<String>)> = wanted.drain(..wanted.len().min(AT_ONCE)).collect();
            let mut query = "query Above($first: Int!".to_owned();
            let (mut fields, mut variables) = (String::new(), json!({}));
            for (index, (path, after)) in now.iter().enumerate() {
                query.push_str(&format!(", $p{index}: ID!, $c{index}: String"));
                variables[format!("p{index}")] = json!(path);
                variables[format!("c{index}")] = json!(after);
                fields.push_str(&format!(
                    "a{index}: group(fullPath: $p{index}) {{ webUrl {list}({argument}first: $first, after: $c{index}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {node} }} }} }} "
                ));
            }
            let query = format!("{query}) {{ {fields} }}");
            let mut reply = session.ask_page(list, &query, variables, &size).await?;
            for (index, (path, _)) in now.into_iter().enumerate() {
                let mut found = reply.data[format!("a{index}")].take();
                let host = host_of(found["webUrl"].as_str().unwrap_or_default());
                for mut node in nodes_of(&mut found[list]) {
                    complete(&host, &mut node);
                    rows.map(stream, &node);
                }
                if let Some(after) = next_of(&found[list]) {
                    wanted.push((path, Some(after)));
                }
            }
        }
    }
    Ok(())
}

/// The groups right above a scope, without those that are above another of them.
fn parents(scope: &Scope) -> BTreeSet<String> {
    let paths: Vec<&String> = match scope {
        Scope::Group(path) => vec![path],
        Scope::Projects(projects) => projects.paths.values().collect(),
    };
    let parents = paths.into_iter().filter_map(|path| Some(path.rsplit_once('/')?.0));
    let all: BTreeSet<&str> = parents.collect();
    let is_above = |path: &str| {
        let below = format!("{path}/");
        all.range(below.as_str()..)
            .next()
            .is_some_and(|next| next.starts_with(&below))
    };
    all.iter()
        .filter(|path| !is_above(path))
        .map(|path| (*path).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sync::scope::Projects;

    #[test]
    fn groups_above_others_are_asked_with_those() {
        let paths = ["a/b/c/web", "a/b/api", "a/b-x/one", "z/one"];
        let paths = BTreeMap::from_iter(paths.into_iter().zip(1..).map(|(path, id)| (id, path.to_owned())));
        let scope = Scope::Projects(Projects {
            name: "projects".into(),
            paths,
        });
        assert_eq!(Vec::from_iter(parents(&scope)), ["a/b-x", "a/b/c", "z"]);
        assert!(parents(&Scope::Group("top".into())).is_empty());
    }
}
