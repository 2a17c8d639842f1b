//! Pipelines: one for most pushes, some of the branch itself, retried ones, nightly ones, and those after a merge.

use super::{Loose, Owner};
use crate::data::{MergeRequest, Pipeline, Sha, World};
use crate::instant::{DAY, HOUR, Instant, SECOND};
use crate::random::Random;

/// The pipelines that a push to a merge request's branch starts; sometimes none, sometimes a second attempt.
pub fn for_push(
    world: &World,
    loose: &mut Loose,
    random: &mut Random,
    row: &MergeRequest,
    at: Instant,
    anchor: Instant,
) {
    let Some(sha) = row.sha else { return };
    if random.chance(0.08) || world.project_of(row).default_branch.is_none() {
        return;
    }
    let attempts = 1 + u32::from(random.chance(0.07));
    for attempt in 0..attempts {
        let created = at + 2 * SECOND + i64::from(attempt) * 15 * 60 * SECOND;
        if created > anchor {
            return;
        }
        let detached = random.chance(0.75);
        let (git_ref, source) = if detached {
            (format!("refs/merge-requests/{}/head", row.iid), "merge_request_event")
        } else {
            (row.source_branch.to_string(), "push")
        };
        let pipeline = run(random, row.project, &git_ref, source, sha, row.author, created, anchor);
        loose.pipelines.push((pipeline, Owner::MergeRequest(row.id)));
    }
}

/// The pipeline of the target branch after a merge.
pub fn on_default_branch(
    loose: &mut Loose,
    random: &mut Random,
    row: &MergeRequest,
    sha: &Sha,
    at: Instant,
    anchor: Instant,
) {
    let created = at + SECOND;
    if created <= anchor && random.chance(0.5) {
        let pipeline = run(
            random,
            row.project,
            &row.target_branch,
            "push",
            *sha,
            row.merge_user,
            created,
            anchor,
        );
        loose.pipelines.push((pipeline, Owner::Branch));
    }
}

/// A nightly pipeline of each project's default branch, every third night.
pub fn scheduled(world: &World, loose: &mut Loose, start: Instant, anchor: Instant) {
    for project in world.projects.iter().filter(|project| !project.archived) {
        let Some(branch) = &project.default_branch else {
            continue;
        };
        let random = &mut Random::of(project.id, 6, 0);
        let mut at = start + 2 * HOUR;
        while at < anchor {
            let sha = super::merge_request::sha(random);
            let created = at + random.below(1_000_000) as i64;
            loose.pipelines.push((
                run(random, project.id, branch, "schedule", sha, None, created, anchor),
                Owner::Branch,
            ));
            at += 3 * DAY;
        }
    }
}

/// A pipeline that started at `created` and got as far as it could before the anchor.
#[expect(clippy::too_many_arguments, reason = "a pipeline is made of independent parts")]
pub fn run(
    random: &mut Random,
    project: u64,
    git_ref: &str,
    source: &'static str,
    sha: Sha,
    user: Option<u64>,
    created: Instant,
    anchor: Instant,
) -> Pipeline {
    let queued = random.log_normal(6.0, 1.0).min(900.0);
    let duration = random.log_normal(420.0, 0.8).min(7000.0) as u32;
    let started = created + (queued * SECOND as f64) as i64;
    let finished = started + i64::from(duration) * SECOND + random.below(1_000_000) as i64;
    let outcome = match random.unit() {
        share if share < 0.73 => "SUCCESS",
        share if share < 0.90 => "FAILED",
        share if share < 0.96 => "CANCELED",
        share if share < 0.975 => "SKIPPED",
        share if share < 0.99 => "MANUAL",
        // Nobody ever looked after these.
        _ => "RUNNING",
    };
    let (status, started_at, finished_at) = if started > anchor {
        ("PENDING", None, None)
    } else if finished > anchor || outcome == "RUNNING" {
        ("RUNNING", Some(started), None)
    } else if outcome == "SKIPPED" {
        ("SKIPPED", None, None)
    } else {
        (outcome, Some(started), Some(finished))
    };
    Pipeline {
        id: 0,
        iid: 0,
        project,
        git_ref: git_ref.into(),
        sha,
        source,
        status,
        user,
        created_at: created,
        updated_at: finished_at.or(started_at).unwrap_or(created),
        started_at,
        finished_at,
        committed_at: None,
        duration: finished_at.map(|_| duration),
        queued_duration: started_at.map(|_| (queued * 10.0).round() as f32 / 10.0),
        coverage: (status == "SUCCESS" && random.chance(0.4))
            .then(|| (random.unit() * 400.0 + 550.0).round() as f32 / 10.0),
    }
}
