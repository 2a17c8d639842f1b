//! Pipelines. They live in a table of their own: GitLab links one as a merge request's head without moving
//! `updated_at`, and what becomes of it shows in the merge request's status only.

use super::Done;
use super::scene::{Scene, is_open};
use crate::data::{MergeRequest, Pipeline, World};
use crate::instant::SECOND;

pub fn start(scene: &mut Scene<'_>) -> Result<Done, String> {
    let id = scene.pick("an open merge request with commits", |world, row| {
        is_open(world, row) && row.sha.is_some()
    })?;
    started(scene, id);
    Ok(scene.done(id, "got a new pipeline", None))
}

/// Starts the pipeline of the head commit, if there is one.
pub fn started(scene: &mut Scene<'_>, id: u64) {
    let row = scene.row(id);
    let (Some(sha), project, user) = (row.sha, row.project, row.author) else {
        return;
    };
    // Some pipelines run for the branch and know the merge request only by its commit.
    let (git_ref, source) = if row.id.is_multiple_of(3) {
        (row.source_branch.to_string(), "push")
    } else {
        (format!("refs/merge-requests/{}/head", row.iid), "merge_request_event")
    };
    let at = scene.at;
    let pipeline = scene.world.add_pipeline(project, |id, iid| Pipeline {
        id,
        iid,
        project,
        git_ref: git_ref.into(),
        sha,
        source,
        status: "RUNNING",
        user,
        created_at: at,
        updated_at: at,
        started_at: Some(at),
        finished_at: None,
        committed_at: None,
        duration: None,
        queued_duration: Some(0.5),
        coverage: None,
    });
    scene.moved.pipelines.insert(pipeline);
    scene.save_quietly(id, |row| {
        row.pipelines.push(pipeline);
        row.head_pipeline = Some(pipeline);
    });
}

/// Deletes the head pipeline of a merge request, which then has none; or, with a count, so many of the oldest pipelines, as GitLab
/// does by itself after a time that each project sets.
pub fn delete(scene: &mut Scene<'_>) -> Result<Done, String> {
    if let Some(count) = scene.change.count {
        let oldest: Vec<u64> = scene.world.pipelines.iter().map(|row| row.id).take(count).collect();
        for id in &oldest {
            scene.world.remove_pipeline(*id);
        }
        let deleted = oldest.len();
        scene.moved.pipelines.extend(oldest);
        return Ok(Done::beside_rows(format!("{deleted} old pipelines were deleted")));
    }
    let id = scene.pick("an open merge request with a head pipeline", |world, row| {
        is_open(world, row) && row.head_pipeline.is_some()
    })?;
    let pipeline = scene.row(id).head_pipeline.expect("picked for it");
    let sharing: Vec<u64> = scene
        .world
        .merge_requests
        .iter()
        .filter(|row| row.head_pipeline == Some(pipeline) && !row.hidden)
        .map(|row| row.id)
        .collect();
    scene.world.remove_pipeline(pipeline);
    scene.moved.pipelines.insert(pipeline);
    scene.moved.merge_requests.extend(sharing);
    Ok(scene.done(id, "lost its pipeline", None))
}

/// Ends the running head pipeline of a merge request. Where none is running, the last one is retried and ends at once:
/// a retry keeps the pipeline's id.
pub fn end(scene: &mut Scene<'_>, status: &'static str) -> Result<Done, String> {
    let head = |world: &World, row: &MergeRequest| {
        let pipeline = row.head_pipeline.and_then(|id| world.pipelines.get(id))?;
        is_open(world, row).then_some((pipeline.id, pipeline.status))
    };
    let wanted = "an open merge request whose head pipeline could end so";
    let running = scene.pick(wanted, |world, row| {
        head(world, row).is_some_and(|(_, status)| matches!(status, "RUNNING" | "PENDING" | "CREATED"))
    });
    let id = match running {
        Ok(id) => id,
        Err(_) => scene.pick(wanted, |world, row| {
            head(world, row).is_some_and(|(_, before)| before != status)
        })?,
    };
    let (pipeline, _) = head(scene.world, scene.row(id)).expect("picked for its pipeline");
    let at = scene.at;
    let coverage = (scene.random.unit() * 400.0 + 550.0).round() as f32 / 10.0;
    if let Some(row) = scene.world.pipelines.get_mut(pipeline) {
        let started = *row.started_at.get_or_insert(at);
        row.queued_duration.get_or_insert(0.5);
        row.status = status;
        row.finished_at = Some(at);
        row.updated_at = at;
        row.duration = Some(((at - started) / SECOND).clamp(0, 7200) as u32);
        row.coverage = (status == "SUCCESS").then_some(coverage);
    }
    scene.moved.pipelines.insert(pipeline);
    scene.moved.merge_requests.insert(id);
    let what = if status == "SUCCESS" {
        "has a pipeline that succeeded"
    } else {
        "has a pipeline that failed"
    };
    Ok(scene.done(id, what, None))
}
