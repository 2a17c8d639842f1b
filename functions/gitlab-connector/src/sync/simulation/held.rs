//! Access that is lost for a while looks like deletion.

use gitlab_sim::changes::{Change, Kind};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::*;
use crate::gitlab::Call;
use crate::sync::simulation::scene::{Between, Scene};

/// Streams of which all rows of a project may seem to be gone.
const LISTS: [&str; 3] = ["merge_requests", "issues", "pipelines"];

/// GitLab's answers, as `change` leaves those whose query begins with one of these names.
fn altered(scene: &Scene, names: &'static [&'static str], change: fn(&mut Json, &str), project: &str) -> Arc<Between> {
    let (stand, project) = (scene.stand.clone(), project.to_owned());
    Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let query = body["query"].as_str()?;
        names.iter().find(|name| query.starts_with(&format!("query {name}")))?;
        let (_, _, answer) = stand.answer(call);
        let mut answer: Json = serde_json::from_slice(&answer).expect("JSON");
        change(&mut answer["data"], &project);
        let answer: &'static str = answer.to_string().leak();
        Some((StatusCode::OK, answer))
    })
}

/// No list of a project, wherever the project stands.
fn without_lists(data: &mut Json, project: &str) {
    match data {
        Json::Object(fields) if fields.get("id") == Some(&json!(project)) => {
            let lists = fields.values_mut().filter(|value| value.get("pageInfo").is_some());
            lists.for_each(|list| *list = Json::Null);
        }
        Json::Object(fields) => fields.values_mut().for_each(|value| without_lists(value, project)),
        Json::Array(items) => items.iter_mut().for_each(|item| without_lists(item, project)),
        _ => {}
    }
}

/// Lists without a row.
fn empty(data: &mut Json, _: &str) {
    match data {
        Json::Object(fields) if fields.contains_key("pageInfo") => {
            fields.insert("nodes".into(), json!([]));
            fields.insert("pageInfo".into(), json!({"hasNextPage": false, "endCursor": null}));
        }
        Json::Object(fields) => fields.values_mut().for_each(|value| empty(value, "")),
        Json::Array(items) => items.iter_mut().for_each(|item| empty(item, "")),
        _ => {}
    }
}

fn counts(scene: &Scene) -> Vec<usize> {
    let tables = LISTS.iter().chain(["projects", "mr_notes"].iter());
    tables.map(|table| scene.memory.rows(table).len()).collect()
}

fn some_project(scene: &Scene) -> String {
    let project = scene.memory.rows("merge_requests")[0]["project_id"].clone();
    format!("gid://gitlab/Project/{project}")
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_null_delete_nothing_however_often_they_are_and_warn() {
    for single in [true, false] {
        let mut scene = Scene::new(4, 60);
        scene.single = single;
        assert!(scene.sync().await);
        let before = counts(&scene);
        scene.between = Some(altered(&scene, &["IdsOf"], without_lists, &some_project(&scene)));
        scene.request.confirm_deletions = true;
        for _ in 0..3 {
            let (complete, warnings) = scene.sync_with_warnings().await;
            assert!(complete);
            let told = format!("{warnings:?}");
            assert!(
                LISTS.iter().all(|list| told.contains(&format!("{list} of acme/"))),
                "{told}"
            );
            assert_eq!(counts(&scene), before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_projects_are_gone_for_a_while_loses_nothing() {
    let mut scene = Scene::new(4, 60);
    assert!(scene.sync().await);
    let before = counts(&scene);
    scene.between = Some(altered(&scene, &["IdsOfProjects", "ProjectsByIds"], empty_or_none, ""));
    let (_, warnings) = scene.sync_with_warnings().await;
    assert!(format!("{warnings:?}").contains("deletions_held"), "{warnings:?}");
    assert_eq!(counts(&scene), before);
    scene.between = None;
    assert!(scene.sync().await, "without a warning");
    assert_eq!(counts(&scene), before);
    // Gone again: that is the first look of two.
    scene.between = Some(altered(&scene, &["IdsOfProjects", "ProjectsByIds"], empty_or_none, ""));
    scene.sync_with_warnings().await;
    assert_eq!(counts(&scene), before);
    let (_, warnings) = scene.sync_with_warnings().await;
    assert_eq!((counts(&scene), warnings.len()), (vec![0; 5], 0), "{warnings:?}");
}

/// Lists of either kind without a row.
fn empty_or_none(data: &mut Json, _: &str) {
    empty(data, "");
    if let Some(named) = data.get_mut("g0") {
        named["nodes"] = json!([]);
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_empty_are_believed_when_two_looks_agree_and_at_once_when_the_caller_confirms() {
    for confirmed in [false, true] {
        let mut scene = Scene::new(4, 60);
        assert!(scene.sync().await);
        let before = counts(&scene);
        scene.between = Some(altered(&scene, &["IdsOf"], only_lists_of_projects, ""));
        scene.request.confirm_deletions = confirmed;
        let (_, warnings) = scene.sync_with_warnings().await;
        if !confirmed {
            assert_eq!((warnings.len(), counts(&scene)), (3, before.clone()), "{warnings:?}");
            let (_, warnings) = scene.sync_with_warnings().await;
            assert!(warnings.is_empty(), "{warnings:?}");
        }
        assert_eq!(counts(&scene), [0, 0, 0, before[3], 0]);
    }
}

/// Empty lists of projects, and the list of projects as it is.
fn only_lists_of_projects(data: &mut Json, _: &str) {
    match data {
        Json::Object(fields) => {
            for (name, value) in fields {
                let is_of_projects = name.starts_with('l') && value["nodes"][0].get("fullPath").is_some();
                match value.get("pageInfo") {
                    Some(_) if !is_of_projects => empty(value, ""),
                    _ => only_lists_of_projects(value, ""),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| only_lists_of_projects(item, "")),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_share_of_a_list_waits_for_a_second_look_and_a_few_rows_do_not() {
    let scene = Scene::new(2, 120);
    assert!(scene.sync().await);
    let live = || scene.memory.rows("merge_requests").len();
    let hide = |count: usize| {
        for _ in 0..count {
            scene.stand.apply(&Change::of(Kind::HideMergeRequest));
        }
    };
    hide(5);
    assert!(scene.sync().await, "without a warning");
    assert_eq!(live(), 115);
    hide(30);
    let (_, warnings) = scene.sync_with_warnings().await;
    let told = format!("{warnings:?}");
    assert!(told.contains("30 rows of merge_requests in 2 projects"), "{told}");
    assert_eq!((warnings.len(), live()), (1, 115));
    assert!(scene.sync().await, "without a warning");
    assert_eq!(live(), 85);
    scene.assert_equal();
}
