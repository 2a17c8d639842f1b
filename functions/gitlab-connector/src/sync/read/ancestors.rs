//! Labels and milestones inherited from ancestor groups, to which rows of the scope may refer. GitLab does not return
//! their owner; without access to the ancestor they are skipped.

use std::collections::BTreeSet;

use crate::gitlab::{self, Argument, Connection, Owner, Purpose, Selection};
use crate::sync::error::Error;
use crate::sync::read::nodes::{complete, host_of};
use crate::sync::rows::Rows;
use crate::sync::scope::Scope;
use crate::sync::session::Session;

/// Adds them.
///
/// # Errors
/// If GitLab still fails after retries.
pub async fn add<'a>(session: &Session<'a>, scope: &Scope, rows: &mut Rows<'a>) -> Result<(), Error> {
    let parents = parents(scope);
    let owned = session.streams.owned();
    for (stream, owned) in owned.filter(|(stream, _)| session.on(stream.name())) {
        let of_parent = |path: &String| {
            let mut connection = Connection::new(Owner::Group(path.clone()), owned.list)
                .nodes(session.fields(stream))
                .beside(Selection::parse("webUrl"));
            for argument in owned.with_ancestors {
                connection = connection.with(argument, Argument::flag(true));
            }
            connection
        };
        let asked = parents.iter().map(of_parent).collect();
        let found = gitlab::all_of(session.client, &Purpose::new(stream.name(), "Ancestors"), asked).await?;
        for page in found {
            let page = match page {
                Ok(page) => page,
                // The token may not see the group above.
                Err(gitlab::Error::ScopeNotFound(_)) => continue,
                Err(error) => {
                    session.warn(scope, &format!("{} of the groups above", owned.list), &error.into());
                    continue;
                }
            };
            session.warn_left_out(scope, &page.left_out);
            let host = host_of(page.owner["webUrl"].as_str().unwrap_or_default());
            for mut node in page.nodes {
                complete(&host, &mut node);
                rows.map(stream, &node);
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
