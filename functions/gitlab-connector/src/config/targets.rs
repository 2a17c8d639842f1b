//! Which groups and projects are synced.

use std::fmt;

use mergemind_shared::config::Env;

/// What is configured to be synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A group with all that is below it, by its full path.
    Group(String),
    /// One project, by its full path or its id.
    Project(String),
}

impl Target {
    /// The full path, or a project's id.
    pub fn path(&self) -> &str {
        match self {
            Self::Group(path) | Self::Project(path) => path,
        }
    }

    /// Whether a full path is below it.
    pub fn holds(&self, path: &str) -> bool {
        let below = format!("{}/", self.path().to_lowercase());
        path.to_lowercase().starts_with(&below)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(path) => write!(f, "group:{path}"),
            Self::Project(path) => write!(f, "project:{path}"),
        }
    }
}

/// Which projects to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What the full path or the name must match; `*` stands for any text, `?` for one character.
    pub pattern: Option<String>,
    /// Whether to take private ones.
    pub include_private: bool,
    /// Whether to take archived ones.
    pub include_archived: bool,
    /// How many at most: of more, the oldest, so that a new project pushes no other out.
    pub most: usize,
}

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
