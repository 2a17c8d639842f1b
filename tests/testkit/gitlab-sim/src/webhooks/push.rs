//! `Push Hook`.

use serde_json::{Value, json};

use super::parts;
use crate::changes::Made;
use crate::data::{BASE_URL, MergeRequest, Project, User, World, commits, hex};
use crate::instant::print;

/// GitLab lists so many commits at most.
const LISTED: usize = 20;

/// New commits on a merge request's branch.
pub fn of_branch(world: &World, made: &Made, id: u64) -> Option<Value> {
    let row = world.merge_requests.get(id)?;
    let before = made.before.get(&id)?;
    let project = world.project_of(row);
    let count = (row.commit_count - before.commit_count) as usize;
    let mut new: Vec<Value> = commits(world, row)
        .iter()
        .take(count)
        .map(|commit| {
            let sha = hex(&commit.sha);
            json!({
                "id": sha, "message": format!("{}\n", commit.title), "title": commit.title,
                "timestamp": print(commit.committed_at),
                "url": format!("{BASE_URL}/{}/-/commit/{sha}", project.full_path()),
                "author": {"name": commit.author_name, "email": "[REDACTED]"},
                "added": [], "modified": [], "removed": [],
            })
        })
        .collect();
    new.reverse();
    let ends = (before.sha_text()?, row.sha_text()?);
    Some(body(world, made, project, &row.source_branch, ends, &new))
}

/// The commit that a merge put on the target branch.
pub fn of_merge(world: &World, made: &Made, id: u64) -> Option<Value> {
    let row: &MergeRequest = world.merge_requests.get(id)?;
    let project = world.project_of(row);
    let sha = row.merge_commit_sha.as_ref().map(hex)?;
    let commit = parts::bare_commit(project, &sha, made.at);
    let ends = (hex(&row.base_sha), sha);
    Some(body(world, made, project, &row.target_branch, ends, &[commit]))
}

fn body(
    world: &World,
    made: &Made,
    project: &Project,
    branch: &str,
    (before, after): (String, String),
    commits: &[Value],
) -> Value {
    let user: Option<&User> = world.users.get(made.by.unwrap_or(world.token_user));
    let mut repository = parts::repository(project);
    repository["visibility_level"] = json!(parts::visibility_level(project.visibility));
    json!({
        "object_kind": "push", "event_name": "push", "before": before, "after": after,
        "ref": format!("refs/heads/{branch}"), "ref_protected": project.default_branch.as_deref() == Some(branch),
        "checkout_sha": after, "message": null, "user_id": user.map(|user| user.id),
        "user_name": user.map(|user| user.name.as_str()), "user_username": user.map(|user| user.username.as_str()),
        "user_email": user.and_then(|user| user.public_email.as_deref()), "user_avatar": null,
        "project_id": project.id, "project": parts::project(project),
        "commits": commits.iter().rev().take(LISTED).rev().collect::<Vec<_>>(), "total_commits_count": commits.len(),
        "push_options": {}, "repository": repository,
    })
}
