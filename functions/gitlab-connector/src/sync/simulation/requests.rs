//! How many requests a sync takes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::sync::simulation::scene::Scene;

async fn requests(scene: &mut Scene) -> u64 {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    scene.between = Some(Arc::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        None
    }));
    assert!(scene.sync().await);
    scene.between = None;
    sent.load(Ordering::Relaxed)
}

/// How many requests a sync takes for so many projects, if nothing has happened since the last one.
async fn idle(projects: u32, single: bool) -> u64 {
    let mut scene = Scene::new(projects, 60);
    scene.single = single;
    scene.request.reconcile = false;
    assert!(scene.sync().await);
    scene.assert_equal();
    // Past the overlap, in which rows are read twice.
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    let sent = requests(&mut scene).await;
    scene.assert_equal();
    sent
}

// The look at the token, which is the engine's, comes on top of all of these.

#[tokio::test(start_paused = true)]
async fn a_sync_without_a_change_takes_as_many_requests_for_forty_single_projects_as_for_four() {
    // What GitLab is, the projects, and whether merge requests or issues have changed in any.
    assert_eq!((idle(4, true).await, idle(40, true).await), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_sync_without_a_change_takes_four_requests_for_a_thousand_projects_of_a_group() {
    // The first asks for changes, too; 400 projects come in each other one.
    assert_eq!(idle(1000, false).await, 4);
}

/// How many requests the first sync of a thousand merge requests takes with these streams switched off.
async fn first(off: &[&str]) -> u64 {
    let mut scene = Scene::new(1, 1000);
    scene.request.reconcile = false;
    scene.options.streams.retain(|stream| !off.contains(&stream.as_str()));
    let sent = requests(&mut scene).await;
    if off.is_empty() {
        scene.assert_equal();
    }
    assert_eq!(scene.memory.rows("merge_requests").len(), 1000);
    sent
}

#[tokio::test(start_paused = true)]
async fn a_first_sync_of_a_thousand_merge_requests_takes_tens_of_requests() {
    // With their approvals, reviewers, assignees and labels, which come with them.
    let alone = first(&[
        "mr_notes",
        "issues",
        "issue_notes",
        "pipelines",
        "groups",
        "labels",
        "milestones",
    ])
    .await;
    // With 2,000 pipelines, 500 issues and all notes.
    let all = first(&[]).await;
    assert_eq!((alone, all), (15, 45));
}
