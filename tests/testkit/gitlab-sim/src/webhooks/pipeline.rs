//! `Pipeline Hook`.

use serde_json::{Value, json};

use super::parts::{self, time};
use crate::data::{BASE_URL, MergeRequest, Pipeline, World, detailed_merge_status, hex, merge_request_url};
use crate::instant::print_hook;

/// The payload, without the jobs.
pub fn body(world: &World, row: &Pipeline) -> Option<Value> {
    let project = world.projects.get(row.project)?;
    let sha = hex(&row.sha);
    let status = row.status.to_lowercase();
    let detailed = match row.status {
        "SUCCESS" => "passed",
        _ => status.as_str(),
    };
    let for_merge_request = row
        .git_ref
        .strip_prefix("refs/merge-requests/")
        .and_then(|rest| rest.split('/').next()?.parse().ok())
        .and_then(|iid| world.merge_request_by_iid(row.project, iid));
    // GitLab names the branch here, and says by the source that it ran for a merge request.
    let branch = for_merge_request.map_or(&*row.git_ref, |found| &*found.source_branch);
    Some(json!({
        "object_kind": "pipeline",
        "object_attributes": {
            "id": row.id, "iid": row.iid, "name": null, "ref": branch, "tag": false, "sha": sha,
            "before_sha": "0".repeat(40), "source": row.source, "status": status, "detailed_status": detailed,
            "stages": [], "created_at": print_hook(row.created_at), "finished_at": time(row.finished_at),
            "duration": row.duration, "queued_duration": row.queued_duration.map(|seconds| seconds as u32),
            "protected_ref": false, "variables": [],
            "url": format!("{BASE_URL}/{}/-/pipelines/{}", project.full_path(), row.id),
        },
        "merge_request": for_merge_request.map(|found| merge_request(world, found)),
        "user": parts::user(world, row.user), "project": parts::project(project),
        "commit": parts::bare_commit(project, &sha, row.created_at), "builds": [],
    }))
}

fn merge_request(world: &World, row: &MergeRequest) -> Value {
    json!({
        "id": row.id, "iid": row.iid, "title": row.title.read(), "source_branch": row.source_branch,
        "source_project_id": row.source_project, "target_branch": row.target_branch, "target_project_id": row.project,
        "state": row.state.name(), "merge_status": if row.conflicts { "cannot_be_merged" } else { "can_be_merged" },
        "detailed_merge_status": detailed_merge_status(world, row).to_lowercase(),
        "url": merge_request_url(world, row),
    })
}
