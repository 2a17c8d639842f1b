//! Finding the projects to sync: those that the token's user is a member of.

use serde_json::Value as Json;
use wildmatch::WildMatch;

use crate::config::{Discovery, Target};
use crate::gitlab::{self, Argument, Connection, Owner, Purpose, Selection};
use crate::streams::{Node, projects};
use crate::sync::session::Session;

/// Whether discovery takes this project.
fn takes(discovery: &Discovery, node: &Json) -> bool {
    let text = |field: &str| node[field].as_str().unwrap_or_default().to_lowercase();
    let pattern = discovery.pattern.as_ref().map(|pattern| pattern.to_lowercase());
    pattern.is_none_or(|pattern| matches(&pattern, &text("fullPath")) || matches(&pattern, &text("name")))
        && (discovery.include_private || text("visibility") != "private")
        && (discovery.include_archived || node["archived"] != true)
}

/// What was found.
#[derive(Debug, Default)]
pub struct Discovered {
    /// Ids and full paths.
    pub projects: Vec<(i64, String)>,
    /// How many more there are than `most`.
    pub beyond: usize,
}

/// Finds them, but for those that the configured groups hold.
///
/// # Errors
/// If GitLab can't be asked.
pub async fn find(
    session: &Session<'_>,
    discovery: &Discovery,
    configured: &[Target],
) -> Result<Discovered, gitlab::Error> {
    let list = Connection::new(Owner::GitLab, projects::LIST)
        .with("membership", Argument::flag(true))
        .nodes(Selection::parse("id fullPath name visibility archived"));
    let found = gitlab::all(session.client, &Purpose::new(projects::NAME, "Discover"), list).await?;
    session.warn_left_out(&"discovery", &found.left_out);
    let taken = found.nodes.iter().filter(|node| takes(discovery, node));
    let place = |node: &Json| {
        let path = node["fullPath"].as_str().filter(|path| !is_held(path, configured))?;
        Some((Node::new(node).number("id")?, path.to_owned()))
    };
    let mut projects: Vec<(i64, String)> = taken.filter_map(place).collect();
    projects.sort_unstable_by_key(|(id, _)| *id);
    let beyond = projects.len().saturating_sub(discovery.most);
    if beyond > 0 {
        tracing::warn!(
            beyond,
            taken = discovery.most,
            "MAX_PROJECTS_TO_SYNC leaves projects out"
        );
        projects.truncate(discovery.most);
    }
    Ok(Discovered { projects, beyond })
}

/// Whether a project is in one of the configured groups.
fn is_held(path: &str, configured: &[Target]) -> bool {
    let path = path.to_lowercase();
    configured.iter().any(|target| match target {
        Target::Group(group) => path.starts_with(&format!("{}/", group.to_lowercase())),
        Target::Project(_) => false,
    })
}

/// Whether `text` matches a pattern, in which `*` stands for any text and `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn projects_that_a_configured_group_holds_are_not_found_again() {
        let configured = [Target::Group("acme".into()), Target::Project("other/x".into())];
        let held = ["Acme/web", "acmes/web", "other/X"].map(|path| is_held(path, &configured));
        assert_eq!(held, [true, false, false]);
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
        assert!(takes(&discovery, &node("internal", false)));
        assert!(!takes(&discovery, &node("private", false)));
        assert!(!takes(&discovery, &node("internal", true)));
    }
}
