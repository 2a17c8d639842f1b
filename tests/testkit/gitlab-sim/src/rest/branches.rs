//! `/projects/:id/repository/branches`: the default branch and those of merge requests that are not over.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::commits;
use super::features::Feature;
use super::format::project_url;
use super::history::{self, Commit};
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{Project, World};
use crate::instant::print;

struct Branch {
    name: String,
    commit: Commit,
    default: bool,
}

pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Repository)?;
    let search = call.argument("search").unwrap_or_default();
    let branches = branches(call.world(), project);
    let fitting = branches.iter().filter(|branch| branch.name.contains(search));
    call.page(fitting, Length::Told, |branch| {
        json!({
            "name": branch.name, "commit": commits::body(project, &branch.commit), "merged": false,
            "protected": branch.default, "developers_can_push": false, "developers_can_merge": branch.default,
            "can_push": !branch.default, "default": branch.default, "web_url": url(project, branch),
        })
    })
}

/// Rows of `branches`.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let row = |branch: &Branch| {
        json!({
            "project_id": project.id, "name": branch.name, "commit_sha": branch.commit.sha, "merged": false,
            "protected": branch.default, "is_default": branch.default, "developers_can_push": false,
            "developers_can_merge": branch.default, "committed_at": print(branch.commit.committed_at),
            "web_url": url(project, branch),
        })
    };
    branches(world, project).iter().map(row).collect()
}

/// By name.
fn branches(world: &World, project: &Project) -> Vec<Branch> {
    let mut heads: BTreeMap<String, Commit> = history::with_branch(world, project)
        .filter_map(|row| Some((row.source_branch.to_string(), history::head(world, row)?)))
        .collect();
    let newest = history::default_branch(world, project).into_iter().next();
    heads.extend(project.default_branch.clone().zip(newest));
    let branch = |(name, commit)| Branch {
        default: project.default_branch.as_ref() == Some(&name),
        name,
        commit,
    };
    heads.into_iter().map(branch).collect()
}

fn url(project: &Project, branch: &Branch) -> String {
    format!("{}/-/tree/{}", project_url(project), branch.name)
}
