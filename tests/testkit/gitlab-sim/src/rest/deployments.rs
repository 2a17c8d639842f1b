//! `/projects/:id/deployments`: one for each pipeline of the default branch that succeeded.

use serde_json::{Value, json};

use super::environments;
use super::features::Feature;
use super::format::time;
use super::jobs::{self, Job};
use super::page::Length;
use super::request::{Call, Reply};
use super::users;
use crate::data::{Project, World, hex};
use crate::instant::print;

struct Deployment<'a> {
    id: u64,
    iid: u64,
    /// Where: an index among the project's environments.
    environment: usize,
    job: Job<'a>,
}

/// Oldest first, unless told otherwise.
pub fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Builds)?;
    let (after, before) = (call.instant("updated_after")?, call.instant("updated_before")?);
    let order = call.argument("order_by").unwrap_or("id");
    if !["id", "iid", "created_at", "updated_at", "ref"].contains(&order) {
        return Err(Reply::error(400, "order_by does not have a valid value"));
    }
    let world = call.world();
    let mut found: Vec<Deployment<'_>> = deployments(world, project)
        .filter(|found| {
            let at = found.job.pipeline.updated_at;
            after.is_none_or(|after| at >= after) && before.is_none_or(|before| at <= before)
        })
        .filter(|_| call.argument("status").is_none_or(|status| status == "success"))
        .collect();
    if order == "updated_at" {
        found.sort_by_key(|found| (found.job.pipeline.updated_at, found.id));
    }
    if call.argument("sort") == Some("desc") {
        found.reverse();
    }
    let environments = environments::environments(project);
    call.page(found.iter(), Length::Told, |found| {
        let (pipeline, place) = (found.job.pipeline, &environments[found.environment]);
        json!({
            "id": found.id, "iid": found.iid, "ref": pipeline.git_ref, "sha": hex(&pipeline.sha), "status": "success",
            "created_at": time(pipeline.created_at), "updated_at": time(pipeline.updated_at),
            "user": pipeline.user.and_then(|id| world.users.get(id)).map(users::basic),
            "environment": {
                "id": place.id, "name": place.name, "slug": place.slug, "external_url": place.external_url,
                "created_at": time(place.created_at), "updated_at": time(place.updated_at),
            },
            "deployable": jobs::body(world, project, &found.job),
        })
    })
}

/// Rows of `deployments`.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let environments = environments::environments(project);
    deployments(world, project)
        .map(|found| {
            let (pipeline, place) = (found.job.pipeline, &environments[found.environment]);
            json!({
                "id": found.id, "iid": found.iid, "project_id": project.id, "environment_id": place.id,
                "environment_name": place.name, "status": "success", "ref": pipeline.git_ref,
                "sha": hex(&pipeline.sha), "user_id": pipeline.user, "job_id": found.job.id,
                "created_at": print(pipeline.created_at), "updated_at": print(pipeline.updated_at),
            })
        })
        .collect()
}

/// By id.
fn deployments<'a>(world: &'a World, project: &'a Project) -> impl Iterator<Item = Deployment<'a>> {
    let pipelines = project.pipelines.iter().filter_map(|id| world.pipelines.get(*id));
    pipelines.filter_map(move |pipeline| {
        let job = jobs::jobs(project, pipeline).pop()?;
        (job.name == "deploy" && job.status == "success").then(|| Deployment {
            id: pipeline.id + 7_000_000,
            iid: u64::from(pipeline.iid),
            environment: usize::from(pipeline.source == "schedule"),
            job,
        })
    })
}
