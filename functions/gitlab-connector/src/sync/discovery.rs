//! Finding the projects to sync: those that the token's user is a member of.

use serde_json::{Value as Json, json};

use super::Scope;
use super::context::Context;
use super::lists::{next_of, nodes_of};
use super::page_size::{LARGEST_PAGE, PageSize};
use crate::gitlab;

/// Which projects to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What the full path or the name must match; `*` stands for any text, `?` for one character.
    pub pattern: Option<String>,
    /// Whether to take private ones.
    pub include_private: bool,
    /// Whether to take archived ones.
    pub include_archived: bool,
    /// How many at most: of more, the first by path.
    pub most: usize,
}

impl Discovery {
    fn takes(&self, node: &Json) -> bool {
        let text = |field: &str| node[field].as_str().unwrap_or_default().to_lowercase();
        let pattern = self.pattern.as_ref().map(|pattern| pattern.to_lowercase());
        pattern.is_none_or(|pattern| matches(&pattern, &text("fullPath")) || matches(&pattern, &text("name")))
            && (self.include_private || text("visibility") != "private")
            && (self.include_archived || node["archived"] != true)
    }
}

/// Finds them, and gives them after the groups and projects that are `configured` and do not hold them already.
///
/// # Errors
/// If GitLab can't be asked, or there is nothing at all to sync.
pub async fn find(
    context: &Context<'_>,
    discovery: &Discovery,
    configured: Vec<Scope>,
) -> Result<Vec<Scope>, gitlab::Error> {
    const QUERY: &str = "query Discover($first: Int!, $after: String) { projects(membership: true, first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { fullPath name visibility archived } } }";
    let size = PageSize::new(LARGEST_PAGE);
    let mut paths = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut reply = context
            .ask_page("projects", QUERY, json!({"after": after}), &size)
            .await?;
        let mut connection = reply.data["projects"].take();
        let found = nodes_of(&mut connection);
        let taken = found.iter().filter(|node| discovery.takes(node));
        paths.extend(taken.filter_map(|node| node["fullPath"].as_str().map(ToOwned::to_owned)));
        after = next_of(&connection);
        if after.is_none() {
            break;
        }
    }
    paths.sort_unstable();
    if paths.len() > discovery.most {
        tracing::warn!(
            found = paths.len(),
            taken = discovery.most,
            "MAX_PROJECTS_TO_SYNC leaves projects out"
        );
        paths.truncate(discovery.most);
    }
    let scopes = beside(configured, paths);
    if scopes.is_empty() {
        return Err(gitlab::Error::ScopeNotFound(
            "project that AUTO_DISCOVER_PROJECTS and its filters let through and".into(),
        ));
    }
    Ok(scopes)
}

fn beside(mut configured: Vec<Scope>, found: Vec<String>) -> Vec<Scope> {
    let held = |path: &str| {
        let path = path.to_lowercase();
        configured.iter().any(|scope| match scope {
            Scope::Group(group) => path.starts_with(&format!("{}/", group.to_lowercase())),
            Scope::Project(project) => path == project.to_lowercase(),
        })
    };
    let new: Vec<Scope> = found
        .into_iter()
        .filter(|path| !held(path))
        .map(Scope::Project)
        .collect();
    configured.extend(new);
    configured
}

/// Whether `text` matches a pattern with `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go on if a `*` has to take one character more.
    let (mut star, mut taken) = (None, 0);
    let (mut p, mut t) = (0, 0);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                (star, taken) = (Some(p), t);
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some(star) = star else { return false };
                taken += 1;
                (p, t) = (star + 1, taken);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("*", "acme/web", true),
            ("acme/*", "acme/web/ui", true),
            ("*-service", "billing-service", true),
            ("*-service", "billing-services", false),
            ("a?c*e", "abcde", true),
            ("a?c*e", "acde", false),
            ("web", "web", true),
            ("", "web", false),
            ("*a*b*", "xxaxxbxx", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn found_projects_come_beside_what_is_configured_and_none_twice() {
        let configured = vec![Scope::Group("acme".into()), Scope::Project("other/x".into())];
        let found = ["Acme/web", "acmes/web", "other/X", "other/y"].map(ToOwned::to_owned);
        let scopes = beside(configured.clone(), found.to_vec());
        let new = ["acmes/web", "other/y"].map(|path| Scope::Project(path.into()));
        assert_eq!(scopes, [&configured[..], &new].concat());
    }

    #[test]
    fn private_and_archived_projects_are_by_choice() {
        let discovery = Discovery {
            pattern: Some("Acme/*".into()),
            include_private: false,
            include_archived: false,
            most: 10,
        };
        let node = |visibility: &str, archived: bool| json!({"fullPath": "acme/web", "name": "Web", "visibility": visibility, "archived": archived});
        assert!(discovery.takes(&node("internal", false)));
        assert!(!discovery.takes(&node("private", false)));
        assert!(!discovery.takes(&node("internal", true)));
    }
}
