//! Scenes of a sync of projects that are named one by one.

use std::sync::atomic::{AtomicU64, Ordering};

use gitlab_sim::changes::{Change, Kind};
use reqwest::StatusCode;

use super::scene::{Between, Scene};
use super::*;
use crate::gitlab::Call;
use crate::sync::Scope;
use crate::sync::passes::Pass;

fn scene(projects: u32, merge_requests: u32) -> Scene {
    let mut scene = Scene::new(projects, merge_requests);
    scene.single = true;
    scene.request.reconcile = false;
    scene
}

/// A GitLab that fails at everything that begins like this and names `project`.
fn failing(project: String, beginnings: &'static [&str]) -> Arc<Between> {
    Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let query = body["query"].as_str().unwrap_or_default();
        let is_meant = beginnings.iter().any(|beginning| query.starts_with(beginning));
        (is_meant && body["variables"].to_string().contains(&project))
            .then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    })
}

/// How many requests a sync takes.
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

#[tokio::test(start_paused = true)]
async fn a_sync_without_a_change_takes_as_many_requests_for_forty_projects_as_for_four() {
    let mut counts = Vec::new();
    for projects in [4, 40] {
        let mut scene = scene(projects, 60);
        assert!(scene.sync().await);
        scene.assert_equal();
        // Past the overlap, in which rows are read twice.
        scene.stand.wait(Duration::from_secs(3600));
        assert!(scene.sync().await);
        scene.stand.wait(Duration::from_secs(3600));
        counts.push(requests(&mut scene).await);
        scene.assert_equal();
    }
    // What GitLab is, the projects, and whether merge requests or issues have changed in any.
    assert_eq!(counts, [4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_project_at_which_gitlab_keeps_failing_is_read_when_it_does_not_and_stops_nobody_else() {
    let mut scene = scene(12, 80);
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    for kind in [Kind::Comment, Kind::EditTitle, Kind::Merge, Kind::OpenMergeRequest] {
        for _ in 0..4 {
            scene.stand.apply(&Change::of(kind));
        }
    }
    let newest = scene.stand.with_world(|world| {
        world
            .merge_requests
            .iter()
            .max_by_key(|row| row.updated_at)
            .map(|row| row.project)
    });
    let broken = format!("gid://gitlab/Project/{}", newest.expect("a merge request"));
    scene.between = Some(failing(broken, &["query MergeRequests", "query ChangedMergeRequests"]));
    let (complete, warnings) = scene.sync_with_warnings().await;
    assert!(complete);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let missing = scene.stand.with_world(|world| compare(world, &scene.memory, true));
    assert!(
        missing.is_err(),
        "the broken project had no change: the test proves nothing"
    );
    scene.between = None;
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_project_whose_labels_cannot_be_read_keeps_no_others_from_theirs() {
    let mut scene = scene(12, 80);
    let projects = scene.stand.with_world(|world| scope_of(world, true));
    let Scope::Projects(projects) = projects else {
        unreachable!("they are single")
    };
    let broken = *projects.paths.keys().nth(5).expect("a sixth");
    scene.between = Some(failing(
        format!("gid://gitlab/Project/{broken}"),
        &["query DimensionsByIds"],
    ));
    let (complete, warnings) = scene.sync_with_warnings().await;
    assert!(complete);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let labels = scene.memory.rows("labels");
    assert!(
        labels
            .iter()
            .any(|row| !row["project_id"].is_null() && row["project_id"] != broken)
    );
    assert!(labels.iter().all(|row| row["project_id"] != broken));
    scene.between = None;
    scene.stand.wait(Duration::from_secs(100_000));
    assert!(scene.sync().await);
    scene.assert_equal();
}

/// Without a reconciliation, which would find what is missing.
async fn joins_with_its_past(single: bool) {
    let mut scene = scene(6, 60);
    scene.single = single;
    scene.stand.apply(&Change::of(Kind::TransferProjectOut));
    assert!(scene.sync().await);
    scene.assert_equal();
    let before = scene.memory.rows("merge_requests").len();
    scene.stand.wait(Duration::from_secs(3600));
    scene.stand.apply(&Change::of(Kind::TransferProjectIn));
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    assert!(
        scene.memory.rows("merge_requests").len() > before,
        "it has no past: the test proves nothing"
    );
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_project_that_joins_comes_with_its_past() {
    joins_with_its_past(true).await;
    joins_with_its_past(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_project_that_was_away_while_a_stream_was_switched_on_comes_back_with_its_past() {
    let mut scene = scene(6, 60);
    scene.single = false;
    let all = scene.options.streams.clone();
    scene.options.streams.retain(|stream| stream != "mr_notes");
    assert!(scene.sync().await);
    let home = scene.stand.with_world(|world| {
        world
            .projects
            .iter()
            .map(|row| (row.id, row.full_path()))
            .collect::<Vec<_>>()
    });
    scene.stand.apply(&Change::of(Kind::TransferProjectOut));
    let away = scene.stand.with_world(|world| {
        let mut moved = home
            .iter()
            .filter(|(id, path)| world.projects.get(*id).is_some_and(|row| row.full_path() != *path));
        moved.next().expect("one that moved").1.clone()
    });
    // Only merge requests are read while it is away: nobody looks at the list of projects.
    scene.options.streams = all;
    scene.options.only = vec![Pass::MergeRequests];
    assert!(scene.sync().await);
    scene.options.only.clear();
    let (group, _) = away.rsplit_once('/').expect("a group");
    let mut back = Change::of(Kind::TransferProjectIn);
    back.group = Some(group.to_owned());
    scene.stand.apply(&back);
    let is_back = scene.stand.with_world(|world| world.project_by_path(&away).is_some());
    assert!(is_back, "it is not back at {away}: the test proves nothing");
    assert!(scene.sync().await);
    scene.assert_equal();
}
