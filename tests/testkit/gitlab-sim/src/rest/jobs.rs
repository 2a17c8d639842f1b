//! Jobs of a project and of a pipeline: three for each pipeline, and what became of them follows from its status.

use serde_json::{Value, json};

use super::features::Feature;
use super::format::{project_url, time, time_or_null};
use super::page::{Length, cursor, id_in};
use super::request::{Call, Reply};
use super::users;
use crate::data::{Pipeline, Project, World, hex};
use crate::instant::{Instant, SECOND, print};

const PER_PIPELINE: u64 = 3;
/// Ids of jobs are longer than those of pipelines.
const IDS: u64 = 10;
/// GitLab's `CommitStatus` values; another scope is refused.
const STATUSES: [&str; 13] = [
    "created",
    "waiting_for_resource",
    "preparing",
    "waiting_for_callback",
    "pending",
    "running",
    "success",
    "failed",
    "canceling",
    "canceled",
    "skipped",
    "manual",
    "scheduled",
];

pub struct Job<'a> {
    pub id: u64,
    pub pipeline: &'a Pipeline,
    pub name: &'static str,
    pub stage: &'static str,
    pub status: &'static str,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    /// Milliseconds.
    duration: Option<i64>,
    /// Milliseconds.
    queued: Option<i64>,
}

/// The newest first. Only here GitLab pages by key, and does not count.
pub fn of_project(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Builds)?;
    let scopes = scopes(call)?;
    let place = match call.argument("cursor") {
        Some(cursor) => id_in(cursor).ok_or_else(|| Reply::error(400, "cursor is invalid"))?,
        None => u64::MAX,
    };
    let world = call.world();
    let by_key = call.is_by_key(&["id"], &["desc"])?;
    let last = if by_key { place } else { u64::MAX };
    let rows = project
        .pipelines
        .range(..=last / IDS)
        .rev()
        .filter_map(|id| world.pipelines.get(*id))
        .flat_map(|pipeline| jobs(project, pipeline).into_iter().rev())
        .filter(|job| job.id < last && (scopes.is_empty() || scopes.contains(&job.status)));
    let print = |job: &Job<'_>| body(world, project, job);
    if by_key {
        call.page_by_key(rows, |job| ("cursor", cursor(job.id)), Length::Untold, print)
    } else {
        call.page(rows, Length::Untold, print)
    }
}

/// The newest first.
pub fn of_pipeline(call: &Call<'_>) -> Result<Reply, Reply> {
    let project = call.project_with(Feature::Builds)?;
    let scopes = scopes(call)?;
    let id = call.names[1].parse().ok().filter(|id| project.pipelines.contains(id));
    let pipeline = id.and_then(|id| call.world().pipelines.get(id));
    let pipeline = pipeline.ok_or_else(|| Reply::not_found("Pipeline"))?;
    let rows = jobs(project, pipeline)
        .into_iter()
        .rev()
        .filter(|job| scopes.is_empty() || scopes.contains(&job.status));
    call.page(rows, Length::Told, |job| body(call.world(), project, job))
}

/// Rows of `jobs`.
pub fn rows(world: &World, project: &Project) -> Vec<Value> {
    let pipelines = project.pipelines.iter().filter_map(|id| world.pipelines.get(*id));
    pipelines
        .flat_map(|pipeline| jobs(project, pipeline))
        .map(|job| {
            json!({
                "id": job.id, "project_id": project.id, "pipeline_id": job.pipeline.id, "name": job.name,
                "stage": job.stage, "status": job.status, "ref": job.pipeline.git_ref, "tag": false,
                "allow_failure": job.allow_failure(), "failure_reason": job.failure_reason(),
                "user_id": job.pipeline.user, "commit_sha": hex(&job.pipeline.sha),
                "created_at": print(job.pipeline.created_at), "started_at": job.started_at.map(print),
                "finished_at": job.finished_at.map(print), "erased_at": job.erased_at().map(print),
                "duration_seconds": job.duration.map(seconds), "queued_duration_seconds": job.queued.map(seconds),
                "coverage": job.coverage(), "web_url": job.url(project),
            })
        })
        .collect()
}

/// A pipeline's jobs in the order of their ids.
pub fn jobs<'a>(project: &Project, pipeline: &'a Pipeline) -> Vec<Job<'a>> {
    let on_default = project.default_branch.as_deref() == Some(&*pipeline.git_ref);
    let last = if on_default {
        ("deploy", "deploy")
    } else {
        ("dependency-scan", "scan")
    };
    let kinds = [("build", "build"), ("test", "test"), last];
    let statuses = match pipeline.status {
        "SUCCESS" => ["success"; 3],
        "FAILED" => ["success", "failed", "skipped"],
        "CANCELED" => ["success", "canceled", "canceled"],
        "SKIPPED" => ["skipped"; 3],
        "MANUAL" => ["success", "success", "manual"],
        "RUNNING" => ["running", "created", "created"],
        _ => ["pending", "created", "created"],
    };
    // Shares of the pipeline's duration, per cent.
    let shares = [20, 70, 10];
    let mut clock = pipeline.started_at;
    let queued = pipeline
        .queued_duration
        .map(|queued| (f64::from(queued) * 1000.0) as i64);
    (0..PER_PIPELINE as usize)
        .map(|index| {
            let (name, stage) = kinds[index];
            let ran = matches!(statuses[index], "success" | "failed") || statuses[index] == "canceled" && index == 1;
            let began = if ran || statuses[index] == "running" {
                clock
            } else {
                None
            };
            let duration = pipeline
                .duration
                .filter(|_| ran && began.is_some())
                .map(|whole| i64::from(whole) * shares[index] * 10 + (pipeline.id % 10) as i64);
            let finished_at = began
                .zip(duration)
                .map(|(began, millis)| began + millis * SECOND / 1000);
            clock = finished_at.or(clock);
            Job {
                id: pipeline.id * IDS + 1 + index as u64,
                pipeline,
                name,
                stage,
                status: statuses[index],
                started_at: began,
                finished_at,
                duration,
                queued: queued
                    .filter(|_| began.is_some())
                    .map(|first| first + 40 * index as i64),
            }
        })
        .collect()
}

/// A job as GitLab prints it.
pub fn body(world: &World, project: &Project, job: &Job<'_>) -> Value {
    let pipeline = job.pipeline;
    let sha = hex(&pipeline.sha);
    let mut body = json!({
        "id": job.id, "status": job.status, "stage": job.stage, "name": job.name, "ref": pipeline.git_ref, "tag": false,
        "coverage": job.coverage(), "allow_failure": job.allow_failure(), "created_at": time(pipeline.created_at),
        "started_at": time_or_null(job.started_at), "finished_at": time_or_null(job.finished_at),
        "erased_at": time_or_null(job.erased_at()), "duration": job.duration.map(seconds),
        "queued_duration": job.queued.map(seconds),
        "user": pipeline.user.and_then(|id| world.users.get(id)).map(users::full),
        "commit": {"id": sha, "short_id": &sha[..8]},
        "pipeline": {
            "id": pipeline.id, "iid": pipeline.iid, "project_id": project.id, "sha": sha, "ref": pipeline.git_ref,
            "status": pipeline.status.to_lowercase(), "source": pipeline.source,
            "created_at": time(pipeline.created_at), "updated_at": time(pipeline.updated_at),
            "web_url": format!("{}/-/pipelines/{}", project_url(project), pipeline.id),
        },
        "web_url": job.url(project), "project": {"ci_job_token_scope_enabled": false}, "artifacts": [], "runner": null,
        "runner_manager": null, "artifacts_expire_at": null, "archived": false, "tag_list": [],
    });
    // Only failed jobs have the key at all.
    if let Some(reason) = job.failure_reason() {
        body["failure_reason"] = Value::from(reason);
    }
    body
}

impl Job<'_> {
    fn allow_failure(&self) -> bool {
        self.stage == "scan"
    }

    fn failure_reason(&self) -> Option<&'static str> {
        let reasons = ["script_failure", "script_failure", "runner_system_failure"];
        (self.status == "failed").then(|| reasons[(self.pipeline.id % 3) as usize])
    }

    /// Per cent.
    fn coverage(&self) -> Option<f64> {
        let found = self.pipeline.coverage.filter(|_| self.name == "test")?;
        Some((f64::from(found) * 10.0).round() / 10.0)
    }

    fn erased_at(&self) -> Option<Instant> {
        self.finished_at
            .filter(|_| self.pipeline.id.is_multiple_of(97))
            .map(|at| at + SECOND)
    }

    fn url(&self, project: &Project) -> String {
        format!("{}/-/jobs/{}", project_url(project), self.id)
    }
}

fn scopes<'c>(call: &'c Call<'_>) -> Result<Vec<&'c str>, Reply> {
    let scopes = call.several("scope");
    match scopes.iter().find(|scope| !STATUSES.contains(scope)) {
        Some(_) => Err(Reply::error(400, "scope does not have a valid value")),
        None => Ok(scopes),
    }
}

fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
