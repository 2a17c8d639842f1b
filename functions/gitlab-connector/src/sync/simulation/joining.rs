//! Scenes of projects that join, leave and come back, without a reconciliation, which would find what is missing.

use gitlab_sim::changes::{Change, Kind};
use reqwest::StatusCode;

use super::*;
use crate::gitlab::Call;
use crate::sync::pass::Pass;
use crate::sync::simulation::scene::Scene;

fn scene(single: bool) -> Scene {
    let mut scene = Scene::new(6, 60);
    scene.single = single;
    scene.request.reconcile = false;
    scene
}

/// The project that leaves: its id and its path.
fn leave(scene: &Scene) -> (u64, String) {
    let place = || {
        scene.stand.with_world(|world| {
            world
                .projects
                .iter()
                .map(|row| (row.id, row.full_path()))
                .collect::<Vec<_>>()
        })
    };
    let before = place();
    scene.stand.apply(&Change::of(Kind::TransferProjectOut));
    let now = place();
    let mut left = before.into_iter().filter(|home| !now.contains(home));
    left.next().expect("one that moved")
}

/// To where it was before.
fn come_back(scene: &Scene, path: &str) {
    let (group, _) = path.rsplit_once('/').expect("a group");
    let mut back = Change::of(Kind::TransferProjectIn);
    back.group = Some(group.to_owned());
    scene.stand.apply(&back);
    let is_back = scene.stand.with_world(|world| world.project_by_path(path).is_some());
    assert!(is_back, "it is not back at {path}: the test proves nothing");
}

async fn joins_with_its_past(single: bool) {
    let scene = scene(single);
    leave(&scene);
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

async fn away_while_a_stream_was_switched_on(single: bool) {
    let mut scene = scene(single);
    let all = scene.options.streams.clone();
    scene.options.streams.retain(|stream| stream != "mr_notes");
    assert!(scene.sync().await);
    let (_, home) = leave(&scene);
    // Only merge requests are read while it is away: nobody looks at the list of projects.
    scene.options.streams = all;
    scene.only = vec![Pass::MergeRequests];
    assert!(scene.sync().await);
    scene.only.clear();
    come_back(&scene, &home);
    assert!(scene.sync().await);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_project_that_was_away_while_a_stream_was_switched_on_comes_back_with_its_past() {
    away_while_a_stream_was_switched_on(true).await;
    away_while_a_stream_was_switched_on(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_single_project_comes_back_with_what_happened_while_it_was_away() {
    let scene = scene(true);
    assert!(scene.sync().await);
    let (id, home) = leave(&scene);
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    let mut opened = Change::of(Kind::OpenMergeRequest);
    opened.project = scene
        .stand
        .with_world(|world| world.projects.get(id).map(gitlab_sim::data::Project::full_path));
    scene.stand.apply(&opened);
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    come_back(&scene, &home);
    assert!(scene.sync().await);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_project_that_joins_and_cannot_be_read_is_read_later_and_stops_nobody_else() {
    let mut scene = scene(false);
    leave(&scene);
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    scene.stand.apply(&Change::of(Kind::TransferProjectIn));
    scene.stand.wait(Duration::from_secs(3600));
    let before = scene.memory.rows("merge_requests").len();
    scene.between = Some(Arc::new(|call| {
        let Call::Query(body) = call else { return None };
        let query = body["query"].as_str().unwrap_or_default();
        // Of one project alone only its past is asked.
        let is_its_past = query.starts_with("query MergeRequests(") && query.contains("p0: projects(");
        is_its_past.then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    }));
    for _ in 0..2 {
        let pipelines = scene.memory.rows("pipelines").len();
        scene.stand.apply(&Change::of(Kind::StartPipeline));
        let (complete, warnings) = scene.sync_with_warnings().await;
        assert!(complete);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(scene.memory.rows("pipelines").len() > pipelines);
        scene.stand.wait(Duration::from_secs(3600));
    }
    assert_eq!(scene.memory.rows("merge_requests").len(), before);
    scene.between = None;
    assert!(scene.sync().await);
    scene.assert_equal();
}
