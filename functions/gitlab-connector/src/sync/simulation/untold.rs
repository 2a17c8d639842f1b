//! A GitLab that does not tell its schema, or not all of it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value as Json;

use super::*;
use crate::gitlab::Call;
use crate::sync::simulation::scene::Scene;

/// An edition without approval rules and weights.
fn community() -> Scene {
    let mut scene = Scene::of(&Sizes {
        seed: 5,
        projects: 3,
        merge_requests: 60,
        months: 2,
        hidden_percent: 0.0,
        hidden_run: 0,
        enterprise: false,
        deployments: 0,
        anchor: BEGINNING,
    });
    scene.request.reconcile = true;
    scene
}

/// Has `change` change each answer about the schema; counts the queries that are refused.
fn meddle(scene: &mut Scene, change: impl Fn(&str, &mut Json) + Send + Sync + 'static) -> Arc<AtomicU64> {
    let (stand, refused) = (scene.stand.clone(), Arc::new(AtomicU64::new(0)));
    let count = refused.clone();
    scene.between = Some(Arc::new(move |call| {
        let Call::Query(body) = call else { return None };
        let (status, _, answer) = stand.answer(call);
        let mut answer: Json = serde_json::from_slice(&answer).ok()?;
        count.fetch_add(u64::from(answer["data"].is_null()), Ordering::Relaxed);
        change(body["query"].as_str()?, &mut answer);
        let answer: &'static str = answer.to_string().leak();
        Some((status, answer))
    }));
    refused
}

#[tokio::test(start_paused = true)]
async fn a_gitlab_that_tells_no_types_or_not_all_is_synced_without_the_fields_that_it_refuses() {
    type Change = fn(&str, &mut Json);
    let none: Change = |_, answer| {
        for (key, value) in answer["data"].as_object_mut().into_iter().flatten() {
            if key.starts_with('t') {
                *value = Json::Null;
            }
        }
    };
    let not_all: Change = |query, answer| {
        let asks = |key: &String| query.contains(&format!("{key}: __type(name: \"MergeRequest\")"));
        if let Some(data) = answer["data"].as_object_mut() {
            data.retain(|key, _| !asks(key));
        }
    };
    for change in [none, not_all] {
        let mut scene = community();
        let refused = meddle(&mut scene, change);
        assert!(scene.sync().await);
        scene.assert_equal();
        let refused = refused.load(Ordering::Relaxed);
        assert!((1..6).contains(&refused), "{refused} queries were refused");
    }
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_deprecated_but_still_answered_keeps_its_column() {
    let mut scene = Scene::new(2, 30);
    meddle(&mut scene, |query, answer| {
        let told = answer["data"]
            .as_object_mut()
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.starts_with('t'));
        for fields in told.filter_map(|(_, kind)| kind["fields"].as_array_mut()) {
            fields.retain(|field| query.contains("includeDeprecated: true") || field["name"] != "mergedAt");
        }
    });
    assert!(scene.sync().await);
    scene.assert_equal();
}
