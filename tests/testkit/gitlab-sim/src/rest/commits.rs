//! `/projects/:id/repository/commits` and the commits of a merge request.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::features::Feature;
use super::format::{git_time, project_url};
use super::history::{self, Commit};
use super::page::Length;
use super::request::{Call, Reply};
use crate::data::{MergeRequest, Project, World};
use crate::instant::{Instant, print};

/// The default branch, another one (`ref_name`), or all of them (`all`); newest first.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Repository)?;
    let world = call.world();
    let (since, until) = (call.instant("since")?, call.instant("until")?);
    let with_stats = call.flag("with_stats", false);
    let default = project.default_branch.as_deref();
    let branch = call.argument("ref_name").filter(|name| Some(*name) != default);
    let mut commits = Vec::new();
    if call.flag("all", false) {
        commits = history::default_branch(world, project);
        let open = history::with_branch(world, project);
        commits.extend(open.flat_map(|row| history::of_merge_request(world, row)));
    } else if let Some(branch) = branch {
        if let Some(row) = history::with_branch(world, project).find(|row| &*row.source_branch == branch) {
            commits = history::default_branch(world, project);
            commits.extend(history::of_merge_request(world, row));
        }
    } else {
        commits = history::default_branch(world, project);
    }
    commits.sort_by_key(|commit| Reverse(commit.committed_at));
    // Git compares the committer's date, and includes both ends.
    let fits = |at: Instant| since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until);
    let fitting = commits.iter().filter(|commit| fits(commit.committed_at));
    call.page(fitting, Length::Guessed, |commit| {
        let mut printed = body(project, commit);
        if with_stats {
            let (additions, deletions) = (commit.additions, commit.deletions);
            printed["stats"] = json!({"additions": additions, "deletions": deletions, "total": additions + deletions});
        }
        printed
    })
}

/// The newest first.
pub fn of_merge_request(call: &Call<'_>) -> Result<Reply, Reply> {
    let (project, row) = (call.project()?, call.merge_request()?);
    let commits = history::of_merge_request(call.world(), row);
    call.page(commits.iter(), Length::Told, |commit| {
        let mut printed = body(project, commit);
        // These come from GitLab's database, which does not keep the parents.
        printed["parent_ids"] = json!([]);
        printed
    })
}

/// A commit as GitLab prints it.
pub fn body(project: &Project, commit: &Commit) -> Value {
    let zone = commit.author.zone_minutes;
    let (authored, committed) = (git_time(commit.authored_at, zone), git_time(commit.committed_at, zone));
    json!({
        "id": commit.sha, "short_id": commit.short_sha(), "created_at": committed, "parent_ids": commit.parents,
        "title": commit.title(), "message": commit.message, "author_name": commit.author.name,
        "author_email": commit.author.email, "authored_date": authored, "committer_name": commit.author.name,
        "committer_email": commit.author.email, "committed_date": committed, "trailers": {}, "extended_trailers": {},
        "web_url": format!("{}/-/commit/{}", project_url(project), commit.sha),
    })
}

/// Rows of `commits`: the default branch.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let row = |commit: &Commit| {
        json!({
            "project_id": project.id, "sha": commit.sha, "short_sha": commit.short_sha(), "title": commit.title(),
            "message": commit.message, "author_name": commit.author.name, "author_email": commit.author.email,
            "authored_at": print(commit.authored_at), "committer_name": commit.author.name,
            "committer_email": commit.author.email, "committed_at": print(commit.committed_at),
            "parent_shas": commit.parents, "additions": commit.additions, "deletions": commit.deletions,
            "web_url": format!("{}/-/commit/{}", project_url(project), commit.sha),
        })
    };
    history::default_branch(world, project).iter().map(row).collect()
}

/// Rows of `mr_commits`.
pub fn merge_request_rows(world: &World, row: &MergeRequest) -> Vec<Value> {
    let print_row = |commit: &Commit| {
        json!({
            "merge_request_id": row.id, "sha": commit.sha, "project_id": row.project, "short_sha": commit.short_sha(),
            "title": commit.title(), "author_name": commit.author.name, "author_email": commit.author.email,
            "authored_at": print(commit.authored_at), "committed_at": print(commit.committed_at),
        })
    };
    history::of_merge_request(world, row).iter().map(print_row).collect()
}
