//! Groups and projects.

use std::collections::{BTreeMap, BTreeSet};

use super::Sizes;
use crate::data::{Group, Indices, Project, World, is_below};
use crate::instant::{DAY, Instant};
use crate::random::Random;

const GROUPS: [(&str, &str); 7] = [
    ("acme", "Acme"),
    ("acme/platform", "Platform"),
    ("acme/platform/billing", "Billing"),
    ("acme/platform/identity", "Identity"),
    ("acme/apps", "Apps"),
    ("acme/apps/mobile", "Mobile"),
    ("acme/data", "Data & Insight"),
];
const PROJECTS: [(&str, &str); 12] = [
    ("acme/platform/billing", "Invoice Service"),
    ("acme/apps", "Web Shop"),
    ("acme/platform/identity", "Login"),
    ("acme/platform", "API Gateway"),
    ("acme/data", "Event Pipeline"),
    ("acme/apps/mobile", "Android App"),
    ("acme/platform", "Build Images"),
    ("acme", "Handbook"),
    ("acme/platform/billing", "Tax Rules"),
    ("acme/apps/mobile", "iOS App"),
    ("acme/data", "Old Reports"),
    ("acme", "Playground"),
];
/// The archived one, and the one without a repository.
const ARCHIVED: usize = 10;
const EMPTY: usize = 11;

/// Chooses projects for merge requests: a few get most of the work.
pub struct Homes(Vec<u64>);

impl Homes {
    pub fn pick(&self, random: &mut Random) -> u64 {
        let skewed = random.unit() * random.unit();
        self.0[(skewed * self.0.len() as f64) as usize]
    }
}

pub fn add(world: &mut World, sizes: &Sizes, start: Instant) -> Homes {
    let mut random = Random::of(sizes.seed, 5, 0);
    for (full_path, name) in GROUPS {
        let parent = full_path
            .rsplit_once('/')
            .and_then(|(above, _)| world.group_by_path(above));
        let parent = parent.map(|above| above.id);
        world.groups.add(|id| Group {
            id,
            name: name.to_owned(),
            full_path: full_path.to_owned(),
            description: (id % 3 == 0).then(|| format!("Everything of \"{name}\", ¡también aquí!")),
            visibility: ["private", "internal", "private"][id as usize % 3],
            parent,
        });
    }
    let count = sizes.projects.max(1) as usize;
    let mut homes = Vec::new();
    for index in 0..count {
        let (namespace, base) = PROJECTS[index % PROJECTS.len()];
        let name = match index / PROJECTS.len() {
            0 => base.to_owned(),
            copy => format!("{base} {}", copy + 1),
        };
        let empty = index == EMPTY;
        let created_at = start - (10 + random.below(700) as i64) * DAY - random.below(DAY as u64) as i64;
        let id = world.add_project(|id| Project {
            path: name.to_lowercase().replace(' ', "-"),
            description: match index % 4 {
                0 => None,
                1 => Some(String::new()),
                _ => Some(format!(
                    "{name}: what our customers see. Ünïcode & \"quotes\" included."
                )),
            },
            default_branch: (!empty).then(|| if index % 5 == 4 { "master" } else { "main" }.to_owned()),
            visibility: ["private", "internal", "public"][index % 3],
            archived: index == ARCHIVED,
            star_count: random.below(40) as u32,
            forks_count: random.below(9) as u32,
            approvals_required: if sizes.enterprise { [1, 2, 0, 1][index % 4] } else { 0 },
            ..blank(id, &name, namespace, namespace_name(namespace), created_at)
        });
        if !empty {
            homes.push(id);
        }
    }
    Homes(homes)
}

/// A project without anything in it.
pub fn blank(id: u64, name: &str, namespace: &str, namespace_name: String, created_at: Instant) -> Project {
    Project {
        id,
        name: name.to_owned(),
        path: name.to_lowercase().replace(' ', "-"),
        namespace: namespace.to_owned(),
        namespace_name,
        description: None,
        default_branch: None,
        visibility: "private",
        archived: false,
        star_count: 0,
        forks_count: 0,
        open_issues_count: 0,
        created_at,
        updated_at: created_at,
        last_activity_at: created_at,
        approvals_required: 0,
        next_iid: 1,
        next_pipeline_iid: 1,
        by_iid: BTreeMap::new(),
        by_updated: BTreeSet::new(),
        by_created: BTreeSet::new(),
        pipelines: BTreeSet::new(),
        issues: Indices::default(),
    }
}

/// The names of a group of the generated ones and those above it.
fn namespace_name(namespace: &str) -> String {
    let names: Vec<&str> = GROUPS
        .iter()
        .filter(|(path, _)| is_below(namespace, path))
        .map(|(_, name)| *name)
        .collect();
    names.join(" / ")
}
