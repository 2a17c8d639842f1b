//! Lists that have more, of which GitLab does not say where: what was not read is neither gone nor forgotten in silence.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::*;
use crate::gitlab::Call;
use crate::sync::simulation::scene::Scene;

/// From now on lists of this kind of rows, where a query of this name asks for them, hold `left` rows and lead nowhere.
fn cut(scene: &mut Scene, name: &'static str, kind: &'static str, left: usize) {
    let stand = scene.stand.clone();
    scene.between = Some(Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        body["query"]
            .as_str()?
            .starts_with(&format!("query {name}("))
            .then_some(())?;
        let (status, _, answer) = stand.answer(call);
        let mut answer: Json = serde_json::from_slice(&answer).expect("JSON");
        lead_nowhere(&mut answer["data"], kind, left);
        let answer: &'static str = answer.to_string().leak();
        Some((status, answer))
    }));
}

fn lead_nowhere(data: &mut Json, kind: &str, left: usize) {
    let is_list = data.get("pageInfo").is_some() && data["nodes"][0]["id"].as_str().is_some_and(|id| id.contains(kind));
    match data {
        Json::Object(list) if is_list => {
            if let Some(nodes) = list["nodes"].as_array_mut() {
                nodes.truncate(left);
            }
            list.insert("pageInfo".into(), json!({"hasNextPage": true, "endCursor": null}));
        }
        Json::Object(fields) => fields.values_mut().for_each(|value| lead_nowhere(value, kind, left)),
        Json::Array(items) => items.iter_mut().for_each(|item| lead_nowhere(item, kind, left)),
        _ => {}
    }
}

fn is_told(warnings: &[crate::sync::report::ScopeProblem], what: &str) -> bool {
    let told = format!("{warnings:?}");
    told.contains(what) && told.contains("does not say where")
}

#[tokio::test(start_paused = true)]
async fn pipelines_that_are_not_shown_to_their_end_are_not_gone() {
    for (left, single) in [(0, false), (3, true)] {
        let mut scene = Scene::new(2, 60);
        scene.single = single;
        assert!(scene.sync().await);
        scene.request.confirm_deletions = true;
        cut(&mut scene, "IdsOfPipelines", "/Ci::Pipeline/", left);
        let (_, warnings) = scene.sync_with_warnings().await;
        assert!(is_told(&warnings, "pipelines that are gone in acme/"), "{warnings:?}");
        scene.assert_equal();
    }
}

#[tokio::test(start_paused = true)]
async fn pipelines_beyond_a_dead_end_are_missed_loudly_and_read_by_the_next_sync() {
    let mut scene = Scene::new(2, 60);
    scene.request.reconcile = false;
    cut(&mut scene, "Pipelines", "/Ci::Pipeline/", 3);
    let (_, warnings) = scene.sync_with_warnings().await;
    assert!(is_told(&warnings, "pipelines of acme/"), "{warnings:?}");
    scene.between = None;
    assert!(scene.sync().await);
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_not_shown_to_their_end_are_not_gone() {
    let mut scene = Scene::new(4, 40);
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(100_000));
    cut(&mut scene, "Dimensions", "/Group/", 1);
    let (_, warnings) = scene.sync_with_warnings().await;
    assert!(is_told(&warnings, "descendantGroups of group:acme"), "{warnings:?}");
    scene.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_group_at_which_gitlab_fails_is_not_gone() {
    let mut scene = Scene::new(4, 40);
    assert!(scene.sync().await);
    scene.stand.wait(Duration::from_secs(100_000));
    let broken = scene.memory.rows("groups").pop().expect("a group");
    let (stand, path) = (
        scene.stand.clone(),
        broken["full_path"].as_str().expect("a path").to_owned(),
    );
    assert_ne!(path, "acme");
    scene.between = Some(Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        // GitLab fails at a field of it, and still tells its path.
        body["query"].as_str()?.contains("visibility").then_some(())?;
        let answer = stand.answer(call).2;
        let holds_it = String::from_utf8_lossy(&answer).contains(&format!("\"fullPath\":\"{path}\""));
        holds_it.then_some((StatusCode::INTERNAL_SERVER_ERROR, "{}"))
    }));
    let (_, warnings) = scene.sync_with_warnings().await;
    assert!(!warnings.is_empty());
    let there = scene
        .memory
        .rows("groups")
        .into_iter()
        .any(|row| row["id"] == broken["id"]);
    assert!(there, "{warnings:?}");
}
