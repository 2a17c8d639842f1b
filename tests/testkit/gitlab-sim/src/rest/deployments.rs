//! `/projects/:id/deployments` and what each brought: those that the data were made with, or one for each pipeline of the
//! default branch that succeeded.

use serde_json::{Value, json};

use super::environments;
use super::features::Feature;
use super::format::time;
use super::jobs::{self, Job};
use super::merge_requests;
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{MergeRequest, Pipeline, Project, Sha, World, hex};
use crate::instant::{Instant, print};

struct Deployment<'a> {
    id: u64,
    iid: u64,
    /// Where: an index among the project's environments.
    environment: usize,
    status: &'static str,
    git_ref: &'a str,
    sha: Sha,
    user: Option<u64>,
    /// None if its pipeline was deleted.
    job: Option<Job<'a>>,
    created_at: Instant,
    updated_at: Instant,
}

/// Oldest first, unless told otherwise.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Builds)?;
    let (after, before) = (call.instant("updated_after")?, call.instant("updated_before")?);
    let order = call.argument("order_by").unwrap_or("id");
    if !["id", "iid", "created_at", "updated_at", "finished_at", "ref"].contains(&order) {
        return Err(Reply::error(400, "order_by does not have a valid value"));
    }
    let world = call.world();
    let mut found: Vec<Deployment<'_>> = deployments(world, project)
        .into_iter()
        .filter(|found| {
            let at = found.updated_at;
            after.is_none_or(|after| at >= after) && before.is_none_or(|before| at <= before)
        })
        .filter(|found| call.argument("status").is_none_or(|status| status == found.status))
        .collect();
    if order == "updated_at" {
        found.sort_by_key(|found| (found.updated_at, found.id));
    }
    if call.argument("sort") == Some("desc") {
        found.reverse();
    }
    let environments = environments::environments(project);
    call.page(found.iter(), Length::Told, |found| {
        let place = &environments[found.environment];
        json!({
            "id": found.id, "iid": found.iid, "ref": found.git_ref, "sha": hex(&found.sha), "status": found.status,
            "created_at": time(found.created_at), "updated_at": time(found.updated_at),
            "user": found.user.and_then(|id| world.users.get(id)).map(users::basic),
            "environment": {
                "id": place.id, "name": place.name, "slug": place.slug, "external_url": place.external_url,
                "created_at": time(place.created_at), "updated_at": time(place.updated_at),
            },
            "deployable": found.job.as_ref().map(|job| jobs::body(world, project, job)),
        })
    })
}

/// `/projects/:id/deployments/:deployment_id/merge_requests`: the newest first.
pub fn merge_requests(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Builds)?;
    let world = call.world();
    let id = call.names[1].parse().ok();
    let found = brought(world, project)
        .into_iter()
        .find(|(found, _)| Some(*found) == id);
    let (_, rows) = found.ok_or_else(|| Reply::not_found("Deployment"))?;
    call.page(rows.into_iter().rev(), Length::Told, |row| {
        merge_requests::body(world, project, row)
    })
}

/// Rows of `deployments`.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let environments = environments::environments(project);
    let row = |found: Deployment<'_>| {
        let place = &environments[found.environment];
        let job = found.job.as_ref();
        json!({
            "id": found.id, "iid": found.iid, "project_id": project.id, "environment_id": place.id,
            "environment_name": place.name, "status": found.status, "ref": found.git_ref, "sha": hex(&found.sha),
            "user_id": found.user, "job_id": job.map(|job| job.id), "created_at": print(found.created_at),
            "updated_at": print(found.updated_at), "finished_at": job.and_then(|job| job.finished_at).map(print),
        })
    };
    deployments(world, project).into_iter().map(row).collect()
}

/// Rows of `deployment_merge_requests`.
pub fn merge_request_rows(world: &World, project: &Project) -> Vec<Value> {
    let row = |deployment: u64, row: &MergeRequest| json!({"deployment_id": deployment, "merge_request_id": row.id, "project_id": project.id});
    let brought = brought(world, project).into_iter();
    brought
        .flat_map(|(id, rows)| rows.into_iter().map(move |merge_request| row(id, merge_request)))
        .collect()
}

/// By id.
fn deployments<'a>(world: &'a World, project: &'a Project) -> Vec<Deployment<'a>> {
    if world.has_deployments() {
        let git_ref = project.default_branch.as_deref().unwrap_or("main");
        let made = world.deployments.iter().filter(|row| row.project == project.id);
        return made
            .map(|row| Deployment {
                id: row.id,
                iid: row.iid,
                environment: row.environment,
                status: row.status,
                git_ref,
                sha: row.sha,
                user: row.user,
                job: world
                    .pipelines
                    .get(row.pipeline)
                    .and_then(|pipeline| last_job(project, pipeline)),
                created_at: row.created_at,
                updated_at: row.updated_at,
            })
            .collect();
    }
    let pipelines = project.pipelines.iter().filter_map(|id| world.pipelines.get(*id));
    let deployed = pipelines.filter_map(move |pipeline| {
        let job = jobs::jobs(project, pipeline).pop()?;
        (job.name == "deploy" && job.status == "success").then(|| Deployment {
            id: pipeline.id + 7_000_000,
            iid: u64::from(pipeline.iid),
            environment: usize::from(pipeline.source == "schedule"),
            status: "success",
            git_ref: &pipeline.git_ref,
            sha: pipeline.sha,
            user: pipeline.user,
            job: Some(job),
            created_at: pipeline.created_at,
            updated_at: pipeline.updated_at,
        })
    });
    deployed.collect()
}

/// The last one that ended.
fn last_job<'a>(project: &Project, pipeline: &'a Pipeline) -> Option<Job<'a>> {
    jobs::jobs(project, pipeline)
        .into_iter()
        .rev()
        .find(|job| job.finished_at.is_some())
}

/// Each deployment with the merge requests that it brought to its environment first, by their ids. GitLab finds them by merge commits,
/// so it does not know of those that were merged without one.
fn brought<'a>(world: &'a World, project: &'a Project) -> Vec<(u64, Vec<&'a MergeRequest>)> {
    let shown = |row: &MergeRequest| !row.hidden;
    if world.has_deployments() {
        let made = world.deployments.iter().filter(|row| row.project == project.id);
        return made
            .map(|row| {
                let rows = row.merge_requests.iter().filter_map(|id| world.merge_requests.get(*id));
                (row.id, rows.filter(|row| shown(row)).collect())
            })
            .collect();
    }
    let rows = project.by_iid.values().filter_map(|id| world.merge_requests.get(*id));
    let mut left: Vec<(Instant, &MergeRequest)> = rows
        .filter(|row| shown(row) && row.merge_commit_sha.is_some())
        .filter_map(|row| Some((row.merged_at?, row)))
        .collect();
    left.sort_unstable_by_key(|(at, row)| (*at, row.id));
    let mut to_production = left.into_iter().peekable();
    let take = |found: Deployment<'a>| {
        let mut rows = Vec::new();
        while found.environment == 0 && to_production.peek().is_some_and(|(at, _)| *at <= found.created_at) {
            rows.extend(to_production.next().map(|(_, row)| row));
        }
        rows.sort_unstable_by_key(|row| row.id);
        (found.id, rows)
    };
    deployments(world, project).into_iter().map(take).collect()
}
