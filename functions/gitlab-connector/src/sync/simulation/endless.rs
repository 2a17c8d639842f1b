//! Lists that do not get on: whatever clocks and pages say, each comes to an end.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::StatusCode;
use reqwest::header::LINK;

use super::*;
use crate::gitlab::Call;
use crate::sync::simulation::scene::Scene;

/// GitLab's answer to what took it too long.
const TOO_MUCH: (StatusCode, &str) = (
    StatusCode::SERVICE_UNAVAILABLE,
    r#"{"errors":[{"message":"Request timed out. Please try a less complex query or a smaller set of records."}]}"#,
);

/// With more than a page of hidden rows in a row.
fn hidden() -> Scene {
    let mut scene = Scene::of(&Sizes {
        seed: 42,
        projects: 4,
        merge_requests: 400,
        months: 2,
        hidden_percent: 1.0,
        hidden_run: 120,
        enterprise: true,
        deployments: 0,
        anchor: BEGINNING,
    });
    let small = ["issues", "issue_notes", "mr_notes", "pipelines"];
    scene.options.streams.retain(|stream| !small.contains(&stream.as_str()));
    scene.request.reconcile = false;
    scene
}

/// Ends the test where there is no end, and answers what is asked for more than `rows` merge requests at once.
fn bound(scene: &mut Scene, most: u64, rows: u64) {
    let sent = AtomicU64::new(0);
    scene.between = Some(Arc::new(move |call| {
        let sent = sent.fetch_add(1, Ordering::Relaxed);
        assert!(sent < most, "{sent} requests and no end");
        let Call::Query(body) = call else { return None };
        let is_about_rows = body["query"].as_str()?.contains("detailedMergeStatus");
        let mut numbers = body["variables"]
            .as_object()?
            .values()
            .filter_map(serde_json::Value::as_u64);
        (is_about_rows && numbers.any(|number| number > rows)).then_some(TOO_MUCH)
    }));
}

fn is_complete(scene: &Scene) -> bool {
    let shown = |world: &gitlab_sim::data::World| world.merge_requests.iter().filter(|row| !row.hidden).count();
    scene.memory.rows("merge_requests").len() == scene.stand.with_world(shown)
}

#[tokio::test(start_paused = true)]
async fn rows_from_the_future_are_read_like_others_past_hidden_ones() {
    for hours in [3, 24] {
        for single in [false, true] {
            let mut scene = hidden();
            scene.single = single;
            scene.stand.fall_behind(Duration::from_secs(hours * 3600));
            for _ in 0..3 {
                bound(&mut scene, 200, 100);
                assert!(scene.sync().await);
                assert!(is_complete(&scene), "{hours} hours");
                scene.stand.wait(Duration::from_secs(600));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hidden_rows_are_passed_by_in_pages_of_any_size() {
    for (rows, most) in [(60, 400), (7, 1000)] {
        let mut scene = hidden();
        bound(&mut scene, most, rows);
        assert!(scene.sync().await);
        assert!(is_complete(&scene), "in pages of {rows}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_list_whose_every_page_names_the_second_one_is_an_error_of_that_list() {
    for stream in ["branches", "jobs"] {
        let mut scene = long_lists::branches();
        scene.options.streams.insert(stream.into());
        scene.request.streams = vec![stream.into()];
        (scene.options, scene.only) = scene.request.narrow(scene.options, &scene.streams);
        assert!(scene.sync().await);
        let before = scene.memory.rows(stream).len();
        scene.stand.wait(Duration::from_secs(100_000));
        scene.request.full_refresh = true;
        bound(&mut scene, 60, 100);
        scene.proxy = Some(Arc::new(|call, headers| {
            let Call::Page(_) = call else { return };
            let next = "<http://gitlab.invalid/?per_page=100&page=2>; rel=\"next\"";
            headers.insert(LINK, next.parse().expect("a link"));
        }));
        let (complete, warnings) = scene.sync_with_warnings().await;
        assert!(
            complete && format!("{warnings:?}").contains("have no end"),
            "{warnings:?}"
        );
        assert_eq!(scene.memory.rows(stream).len(), before, "nothing seems gone");
    }
}
