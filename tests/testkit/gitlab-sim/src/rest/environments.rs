//! `/projects/:id/environments`: three in each project with a repository.

use serde_json::{Value, json};

use super::features::Feature;
use super::format::time;
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::Project;
use crate::instant::{DAY, HOUR, Instant, print};

pub struct Environment {
    pub id: u64,
    pub name: &'static str,
    pub slug: &'static str,
    pub external_url: Option<String>,
    pub created_at: Instant,
    pub updated_at: Instant,
    tier: &'static str,
    state: &'static str,
}

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Builds)?;
    let states = call.several("states");
    let found = environments(project);
    let fitting = found
        .iter()
        .filter(|found| states.is_empty() || states.contains(&found.state));
    call.page(fitting, Length::Told, |found| {
        json!({
            "id": found.id, "name": found.name, "slug": found.slug, "description": null,
            "external_url": found.external_url, "created_at": time(found.created_at),
            "updated_at": time(found.updated_at), "tier": found.tier, "state": found.state, "auto_stop_at": null,
            "auto_stop_setting": "always", "cluster_agent": null, "kubernetes_namespace": null,
            "flux_resource_path": null,
        })
    })
}

/// Rows of `environments`.
pub fn rows(project: &Project) -> Vec<Value> {
    let row = |found: &Environment| {
        json!({
            "id": found.id, "project_id": project.id, "name": found.name, "slug": found.slug, "state": found.state,
            "tier": found.tier, "external_url": found.external_url, "created_at": print(found.created_at),
            "updated_at": print(found.updated_at),
        })
    };
    environments(project).iter().map(row).collect()
}

/// By name, as GitLab lists them; `production` and `staging` are the first two.
pub fn environments(project: &Project) -> Vec<Environment> {
    if project.default_branch.is_none() {
        return Vec::new();
    }
    let kinds = [
        ("production", "production", "production", "available"),
        ("staging", "staging", "staging", "available"),
        ("zz/old demo", "zz-old-demo-x1y2z3", "other", "stopped"),
    ];
    let make = |(index, (name, slug, tier, state))| Environment {
        id: project.id * 10 + index as u64,
        name,
        slug,
        external_url: (index == 0).then(|| format!("https://{}.acme.example", project.id)),
        created_at: project.created_at + DAY,
        updated_at: project.created_at + DAY + index as i64 * HOUR,
        tier,
        state,
    };
    kinds.into_iter().enumerate().map(make).collect()
}
