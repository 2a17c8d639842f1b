//! Scenes of a sync of projects that are named one by one.

use gitlab_sim::changes::{Change, Kind};
use reqwest::StatusCode;

use super::*;
use crate::gitlab::Call;
use crate::sync::lock::lock;
use crate::sync::report::ScopeProblem;
use crate::sync::scope::Scope;
use crate::sync::simulation::scene::{Between, Scene};

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
        &["query DimensionsByIds", "query Dimension("],
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

/// GitLab fails at a project's row, and at every list that holds it.
async fn a_failing_row(single: bool) {
    let mut scene = scene(25, 80);
    scene.single = single;
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(3600));
    for _ in 0..20 {
        scene.stand.apply(&Change::of(Kind::StartPipeline));
    }
    let broken = scene.stand.with_world(|world| {
        let newest = world.pipelines.iter().max_by_key(|row| row.updated_at);
        newest.expect("a pipeline").project
    });
    let of_broken = |rows: Vec<serde_json::Value>| {
        let (of, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row["project_id"] == broken);
        (of.len(), others.len())
    };
    let before = of_broken(scene.memory.rows("pipelines"));
    let (stand, gid) = (scene.stand.clone(), format!("\"gid://gitlab/Project/{broken}\""));
    scene.between = Some(Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let is_about_rows = body["query"]
            .as_str()
            .is_some_and(|query| query.contains("lastActivityAt"));
        let holds_it = || String::from_utf8_lossy(&stand.answer(call).2).contains(&gid);
        (is_about_rows && holds_it()).then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    }));
    let (complete, warnings) = scene.sync_with_warnings().await;
    assert!(complete);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let after = of_broken(scene.memory.rows("pipelines"));
    assert_eq!(
        before.0, after.0,
        "the broken project was read: the test proves nothing"
    );
    assert!(before.1 < after.1, "the others' pipelines were not read");
    scene.between = None;
    scene.stand.wait(Duration::from_secs(3600));
    assert!(scene.sync().await);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_project_whose_row_cannot_be_read_keeps_no_others_from_their_pipelines() {
    a_failing_row(true).await;
    a_failing_row(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_projects_that_fails_whoever_is_on_it_is_given_up_soon() {
    for single in [true, false] {
        let mut scene = scene(40, 80);
        scene.single = single;
        assert!(scene.sync().await);
        let asked = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
        let seen = asked.clone();
        scene.between = Some(Arc::new(move |call| {
            let Call::Query(body) = call else { return None };
            let query = body["query"].as_str().unwrap_or_default();
            let is_meant = ["query Projects(", "query ProjectsByIds("]
                .iter()
                .any(|name| query.starts_with(name));
            is_meant.then(|| {
                lock(&seen).insert(body.to_string());
                (StatusCode::INTERNAL_SERVER_ERROR, "{}")
            })
        }));
        let (complete, warnings) = scene.sync_with_warnings().await;
        assert!(complete && !warnings.is_empty(), "{warnings:?}");
        let different = lock(&asked).len();
        assert!((7..30).contains(&different), "{different} different questions");
        scene.between = None;
        assert!(scene.sync().await);
        scene.assert_equal();
    }
}

#[tokio::test(start_paused = true)]
async fn a_merge_request_at_which_gitlab_always_fails_is_named_and_stops_no_other() {
    for single in [true, false] {
        let mut scene = scene(3, 60);
        scene.single = single;
        let newest = scene.stand.with_world(|world| {
            let shown = world.merge_requests.iter().filter(|row| !row.hidden);
            shown.max_by_key(|row| row.updated_at).map(|row| row.id)
        });
        let broken = newest.expect("a merge request");
        let (stand, gid) = (scene.stand.clone(), format!("\"gid://gitlab/MergeRequest/{broken}\""));
        scene.between = Some(Arc::new(move |call| {
            let Call::Query(body) = call else { return None };
            let is_about_rows = body["query"]
                .as_str()
                .is_some_and(|query| query.contains("diffStatsSummary"));
            let holds_it = || String::from_utf8_lossy(&stand.answer(call).2).contains(&gid);
            (is_about_rows && holds_it()).then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
        }));
        let (complete, warnings) = scene.sync_with_warnings().await;
        assert!(complete);
        let named = |problem: &ScopeProblem| format!("{problem:?}").contains("/-/merge_requests/");
        assert!(!warnings.is_empty() && warnings.iter().all(named), "{warnings:?}");
        let ids: Vec<i64> = scene
            .memory
            .rows("merge_requests")
            .iter()
            .filter_map(|row| row["id"].as_i64())
            .collect();
        let shown = scene
            .stand
            .with_world(|world| world.merge_requests.iter().filter(|row| !row.hidden).count());
        assert_eq!((ids.len(), ids.contains(&(broken as i64))), (shown - 1, false));
        // The look at what was missed finds it when it can be given.
        scene.between = None;
        scene.request.reconcile = true;
        scene.stand.wait(Duration::from_secs(3600));
        assert!(scene.sync().await);
        scene.assert_equal();
    }
}
