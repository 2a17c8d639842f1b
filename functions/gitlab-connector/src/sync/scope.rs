//! What passes run over.

use std::collections::BTreeMap;
use std::fmt;

/// What passes run over, and what a cursor belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A group with all that is below it, by its full path.
    Group(String),
    /// Projects that are configured one by one, or were discovered.
    Projects(Projects),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(path) => write!(f, "group:{path}"),
            Self::Projects(projects) => f.write_str(&projects.name),
        }
    }
}

impl Scope {
    /// The group's scope, among those that are known, if this is one project below it.
    pub fn group_of_one<'s>(&self, mut known: impl Iterator<Item = &'s str>) -> Option<String> {
        let Self::Projects(projects) = self else { return None };
        let [path] = *projects.paths.values().collect::<Vec<_>>() else {
            return None;
        };
        let holds = |scope: &&str| {
            let group = scope.strip_prefix("group:");
            group.is_some_and(|group| path.to_lowercase().starts_with(&format!("{}/", group.to_lowercase())))
        };
        known.find(holds).map(ToOwned::to_owned)
    }
}

/// Projects that are synced together: a few requests ask about all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projects {
    /// What their cursor is called.
    pub name: String,
    /// Their full paths, by id.
    pub paths: BTreeMap<i64, String>,
}

impl Projects {
    /// The next `most` ids after one, and whether there are more.
    pub fn after(&self, id: Option<i64>, most: usize) -> (Vec<i64>, bool) {
        let mut following = self
            .paths
            .range(id.map_or(i64::MIN, |id| id.saturating_add(1))..)
            .map(|(id, _)| *id);
        let ids = following.by_ref().take(most).collect();
        (ids, following.next().is_some())
    }
}
