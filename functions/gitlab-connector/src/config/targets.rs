//! Which groups and projects are synced.

use mergemind_shared::config::Env;

use crate::sync::Target;
use crate::sync::discovery::Discovery;

/// Groups first; a project below a listed group is synced with that group.
pub fn of(env: &mut Env, groups: Vec<String>, projects: Vec<String>) -> Vec<Target> {
    let clean = |path: String| path.trim_matches('/').to_owned();
    let groups: Vec<String> = groups.into_iter().map(clean).collect();
    let below = |path: &str, group: &str| path.to_lowercase().starts_with(&format!("{}/", group.to_lowercase()));
    let mut targets = Vec::new();
    for group in &groups {
        match groups.iter().find(|other| below(group, other)) {
            Some(other) => env.warn("GITLAB_GROUPS", format!("names {group}, which {other} holds already")),
            None => targets.push(Target::Group(group.clone())),
        }
    }
    for project in projects.into_iter().map(clean) {
        match groups.iter().find(|group| below(&project, group)) {
            Some(group) => env.warn(
                "GITLAB_PROJECTS",
                format!("names {project}, which the group {group} holds already"),
            ),
            None => targets.push(Target::Project(project)),
        }
    }
    targets.dedup();
    targets
}

/// Which projects are found, if they are to be found.
pub fn read_discovery(env: &mut Env) -> Option<Discovery> {
    let on = env
        .bool(
            "AUTO_DISCOVER_PROJECTS",
            "sync the projects that the token's user is a member of",
        )
        .default(false);
    let discovery = Discovery {
        pattern: env
            .string(
                "PROJECT_NAME_PATTERN",
                "of the discovered projects only those whose full path or name matches; * and ? stand for anything",
            )
            .optional(),
        include_private: env
            .bool("INCLUDE_PRIVATE_PROJECTS", "whether discovery takes private projects")
            .default(true),
        include_archived: env
            .bool("INCLUDE_ARCHIVED", "whether discovery takes archived projects")
            .default(false),
        most: env
            .number("MAX_PROJECTS_TO_SYNC", "how many projects discovery takes at most")
            .range(1, 100_000)
            .default(1000),
    };
    on.then_some(discovery)
}
